/** A machine's packages, from its spec and the package manager of its image; pure. */
import { createHash } from "node:crypto"
import * as path from "node:path"
import * as Result from "effect/Result"
import type { Image, ImageFacts } from "../spec/Image.ts"
import type { MachineSpec } from "../spec/MachineSpec.ts"
import type { PackageSpec } from "../spec/PackageSpec.ts"
import type { GivenManager, PackageFormat, PackageSource, PackagesPlan } from "./PackagesPlan.ts"
import { PlanError } from "./PlanError.ts"

const formats: Readonly<Record<GivenManager, PackageFormat>> = {
  apt: { ending: ".deb", magic: new TextEncoder().encode("!<arch>\ndebian-binary") },
  dnf: { ending: ".rpm", magic: Uint8Array.of(0xed, 0xab, 0xee, 0xdb) }
}

const canBeGiven = (manager: ImageFacts["packageManager"]): manager is GivenManager => manager in formats

export interface PlanPackagesOptions {
  readonly machine: string
  readonly spec: Pick<MachineSpec, "packages" | "install" | "internet">
  readonly image: Image
  readonly baseDirectory: string
  readonly runDirectory: string
}

const planSource = (options: PlanPackagesOptions, source: PackageSpec, position: number): PackageSource => {
  const namedBy = `machines.${options.machine}.packages[${position}]`
  if (typeof source === "string") return { path: path.resolve(options.baseDirectory, source), namedBy }
  const { url, sha256 } = source
  // Two of a name are two files.
  const place = createHash("sha256").update(url).digest("hex").slice(0, 16)
  return {
    path: path.join(options.runDirectory, "packages", place, path.posix.basename(new URL(url).pathname)),
    pin: { url, digest: { algorithm: "sha256", hex: sha256 } },
    namedBy
  }
}

/** Absent where the machine asks for no packages. */
export const planPackages = (options: PlanPackagesOptions): Result.Result<PackagesPlan | undefined, PlanError> => {
  const { machine, spec, image } = options
  if (spec.packages.length === 0) return Result.succeed(undefined)
  const { packageManager: manager } = image.facts
  if (!canBeGiven(manager)) {
    const reason = { _tag: "PackagesImpossible", machine, manager, possible: Object.keys(formats) } as const
    return Result.fail(new PlanError({ reason }))
  }
  return Result.succeed({
    manager,
    format: formats[manager],
    sources: spec.packages.map((source, position) => planSource(options, source, position)),
    install: spec.install,
    offline: !spec.internet
  })
}
