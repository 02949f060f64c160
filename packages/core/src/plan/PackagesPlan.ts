/** The packages that a machine gets before its script runs. */
import type { Digest } from "../spec/Image.ts"

/** The package managers that can be given packages. */
export type GivenManager = "apt" | "dnf"

/** What a package manager's files are: their ending, and the bytes that they begin with. */
export interface PackageFormat {
  readonly ending: string
  readonly magic: Uint8Array
}

/** A package's file on the host, or a folder with some. */
export interface PackageSource {
  /** Absolute. That of a pinned one lies in the run's directory, where it has to be put before the start. */
  readonly path: string
  readonly pin?: { readonly url: string; readonly digest: Digest } | undefined
  /** The part of the spec that names it. */
  readonly namedBy: string
}

export interface PackagesPlan {
  readonly manager: GivenManager
  readonly format: PackageFormat
  readonly sources: ReadonlyArray<PackageSource>
  /** Names to be installed. */
  readonly install: ReadonlyArray<string>
  /** The guest can't reach the places that its package manager knows. */
  readonly offline: boolean
}
