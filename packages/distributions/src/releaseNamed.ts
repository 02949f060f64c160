/** From what users write to a release, or to what they probably meant. */
import { ImageError } from "@nix-vm-test/core/store/ImageError"
import { nearest } from "@nix-vm-test/core/spec/nearest"
import { type DistributionNames, distributions } from "./registry.ts"

const namesOf = ({ family, releases }: DistributionNames): ReadonlyArray<string> =>
  Object.keys(releases).map((version) => `${family}:${version}`)

/** Every name of the registry, a distribution's releases from the oldest on. */
export const catalogNames: ReadonlyArray<string> = distributions.flatMap(namesOf)

/** A release by its number, also written as an attribute of Nix (`24_04`), by its codename, or by a major that means its newest minor. */
export const releaseNamed = ({ aliases, releases }: DistributionNames, version: string): string | undefined => {
  const dotted = version.toLowerCase().replaceAll("_", ".")
  const meant = aliases[dotted] ?? dotted
  return Object.hasOwn(releases, meant) ? meant : undefined
}

/** A codename that is nearly the same, else the releases of the same major, else all. */
const suggestionsFor = (distribution: DistributionNames, version: string): ReadonlyArray<string> => {
  const { family, aliases, releases } = distribution
  const words = [...Object.keys(aliases), ...Object.keys(releases)].filter((word) => /^[a-z]/u.test(word))
  const word = nearest(version, words)
  if (word !== undefined) return [`${family}:${word}`]
  const [major = ""] = version.split(/[._]/u)
  const sameMajor = namesOf(distribution).filter((name) => name.startsWith(`${family}:${major}.`))
  return sameMajor.length > 0 ? sameMajor : namesOf(distribution)
}

const unknown = (reference: string, suggestions: ReadonlyArray<string>): ImageError =>
  new ImageError({ reason: { _tag: "UnknownImage", reference, suggestions, known: catalogNames } })

export interface NamedRelease {
  readonly distribution: DistributionNames
  readonly version: string
}

/** The release that a name such as `debian:12` means; without a version, the one that its distribution recommends. */
export const findRelease = (name: string): NamedRelease | ImageError => {
  const [family = "", version] = name.split(":")
  const distribution = distributions.find((candidate) => candidate.family === family)
  if (distribution !== undefined) {
    const release = releaseNamed(distribution, version ?? distribution.default)
    return release === undefined
      ? unknown(name, suggestionsFor(distribution, version ?? ""))
      : { distribution, version: release }
  }
  const families = distributions.map((candidate) => candidate.family)
  const meant = distributions.find((candidate) => candidate.family === nearest(family, families))
  if (meant === undefined) return unknown(name, [])
  const release = version === undefined ? undefined : releaseNamed(meant, version)
  return unknown(name, release === undefined ? namesOf(meant) : [`${meant.family}:${release}`])
}
