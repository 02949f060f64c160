/**
 * Images by their distributions, for scripts in TypeScript: `image: debian("12")` is `image: "debian:12"`, with the versions completed and
 * checked by the editor. The types come from the registry itself.
 */
import { ImageError } from "@nix-vm-test/core/store/ImageError"
import { type DistributionNames, written } from "./registry.ts"
import { findRelease } from "./releaseNamed.ts"

type Keys<T> = `${keyof T & (string | number)}`

type Underscored<Version extends string> = Version extends `${infer Major}.${infer Minor}`
  ? `${Major}_${Minor}`
  : Version

/** The spellings of a distribution's releases: `"24.04"`, `"24_04"`, and its codenames and majors. */
export type VersionOf<D extends DistributionNames> =
  | Keys<D["releases"]>
  | Underscored<Keys<D["releases"]>>
  | Keys<D["aliases"]>

/** A function from a version to the image's name; without one, the release that is recommended. An unknown one throws with suggestions. */
const typedNames =
  <const D extends DistributionNames>(names: D) =>
  (version?: VersionOf<D>): string => {
    const found = findRelease(version === undefined ? names.family : `${names.family}:${version}`)
    if (found instanceof ImageError) throw found
    return `${names.family}:${found.version}`
  }

export const debian = typedNames(written.debian)
export const ubuntu = typedNames(written.ubuntu)
export const fedora = typedNames(written.fedora)
export const rocky = typedNames(written.rocky)
export const almalinux = typedNames(written.almalinux)
export const centosStream = typedNames(written.centosStream)
export const oraclelinux = typedNames(written.oraclelinux)
export const amazonlinux = typedNames(written.amazonlinux)
export const opensuse = typedNames(written.opensuse)
export const arch = typedNames(written.arch)
export const alpine = typedNames(written.alpine)
