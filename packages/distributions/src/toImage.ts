/** A published image, with all that is known of its release, as the image that the driver works with. */
import type { Architecture, Image, ImageSource } from "@nix-vm-test/core/spec/Image"
import { decodedDistribution } from "./registry.ts"
import type { NamedRelease } from "./releaseNamed.ts"

/** Undefined where the release is not published for the architecture. */
export const toImage = (named: NamedRelease, architecture: Architecture): Image | undefined => {
  const { family, facts, releases } = decodedDistribution(named.distribution)
  const release = releases[named.version]
  const image = release?.images[architecture]
  if (release === undefined || image === undefined) return undefined
  const { urls, digest, size } = image
  const recipe = architecture === "x86_64" ? release.recipes?.x86_64 : undefined
  const built: ReadonlyArray<ImageSource> = recipe === undefined ? [] : [{ _tag: "Packages", recipe }]
  return {
    id: `${family}:${named.version}`,
    family,
    version: named.version,
    architecture,
    sources: [{ _tag: "Pinned", urls, digest, ...(size === undefined ? {} : { size }) }, ...built],
    format: "qcow2",
    facts: { ...facts, ...release.facts, ...image.facts },
    ...(release.endOfLife === undefined ? {} : { endOfLife: release.endOfLife })
  }
}
