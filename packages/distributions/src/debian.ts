/** Debian's images by version, typed: for scripts and tests that know what they want. */
import type { Architecture, Image } from "@nix-vm-test/core/spec/Image"
import { registries } from "./Registry.ts"
import { toImage } from "./toImage.ts"

/** Releases that the registry has for both architectures. */
export type DebianVersion = "11" | "12" | "13"

/** The image of a release: downloaded where its publisher can be reached, else built from packages (12 and 13, x86_64). */
export const debian = (version: DebianVersion, architecture: Architecture = "x86_64"): Image => {
  const rows = registries.find(({ family }) => family === "debian")?.images ?? []
  const row = rows.find((candidate) => candidate.version === version && candidate.architecture === architecture)
  if (row === undefined) throw new Error(`the registry has no Debian ${version} for ${architecture}`)
  return toImage("debian", row)
}
