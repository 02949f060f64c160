/** Everything that is decided about a test before anything of it exists. */
import type * as Duration from "effect/Duration"
import type { MachinePlan } from "./MachinePlan.ts"
import type { NetworkPlan } from "./NetworkPlan.ts"
import type { PackageFormat } from "./PackagesPlan.ts"

/** A limit, and whether it grows on a slow guest: a default does, a test's own does not. */
export interface PlannedLimit {
  readonly duration: Duration.Duration
  readonly scales: boolean
}

/** A path of the host that has to exist, and the part of the spec that names it. */
export type RequiredPath = {
  readonly path: string
  /** Such as `machines.server.shares.src`. */
  readonly namedBy: string
} & (
  | { readonly kind: "directory" | "any" }
  /** A folder of `closureInfo`, and with it all that it lists of the store. */
  | { readonly kind: "closure"; readonly storeDir: string }
  /** A package, or a folder with at least one. */
  | { readonly kind: "packages"; readonly format: PackageFormat }
)

/** The test's script, its file absolute. */
export type ScriptPlan = { readonly file: string } | { readonly python: string }

export interface TestPlan {
  readonly name: string
  /** Sorted by name: a machine's index is its position, from 1. */
  readonly machines: ReadonlyArray<MachinePlan>
  readonly networks: ReadonlyArray<NetworkPlan>
  /** Lines of every guest's `/etc/hosts`: each machine's addresses in its first network. */
  readonly hosts: ReadonlyArray<{ readonly name: string; readonly addresses: ReadonlyArray<string> }>
  readonly script?: ScriptPlan | undefined
  readonly limits: Readonly<Record<"test" | "boot" | "command" | "shutdown", PlannedLimit>>
  /** To be checked before the first machine starts. */
  readonly requiredPaths: ReadonlyArray<RequiredPath>
  readonly runDirectory: string
}
