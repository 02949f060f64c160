/** The registry: published images of distributions, as data. Each row names bytes that never change, and where their digest is from. */
import * as Schema from "effect/Schema"
import { Architecture, Digest } from "@nix-vm-test/core/spec/Image"
import debianRegistry from "../registry/debian.json" with { type: "json" }

const date = Schema.String.check(Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/u, { expected: "a date such as 2026-08-06" }))

const url = Schema.String.check(Schema.isPattern(/^https:\/\/\S+$/u, { expected: "an https URL" }))

/** How publishers write the architectures into file names. */
export const architectureTokens = {
  x86_64: ["amd64", "x86_64"],
  aarch64: ["arm64", "aarch64"]
} as const satisfies Record<Architecture, ReadonlyArray<string>>

const digits = { sha256: 64, sha512: 128 } as const satisfies Record<Digest["algorithm"], number>

const fields = Schema.Struct({
  version: Schema.NonEmptyString,
  codename: Schema.NonEmptyString,
  architecture: Architecture,
  /** Which of a release's images, in its publisher's words: `generic` has the kernel with all drivers, `genericcloud` has not. */
  variant: Schema.NonEmptyString,
  /** The publisher's own name of this build; part of every URL. */
  build: Schema.NonEmptyString,
  /** In order of preference. */
  urls: Schema.NonEmptyArray(url),
  digest: Digest,
  /** Bytes. */
  size: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  published: date,
  /** End of the release's longest free support. */
  endOfLife: date,
  /** The public file that the digest was taken from, and how far others agree with it. */
  digestSource: Schema.Struct({
    repository: Schema.String.check(Schema.isPattern(/^[\w.-]+\/[\w.-]+$/u, { expected: "owner/name" })),
    path: Schema.NonEmptyString,
    commit: Schema.String.check(Schema.isPattern(/^[0-9a-f]{40}$/u, { expected: "a commit of 40 digits" })),
    confirmations: Schema.Literals(["single", "repository-plus-index", "two-or-more-repositories"])
  })
})

const otherArchitectures = (architecture: Architecture): ReadonlyArray<string> =>
  Object.entries(architectureTokens).flatMap(([name, tokens]) => (name === architecture ? [] : tokens))

/** What a row says twice must agree: a pin for the wrong architecture, or of a moving URL, would fail on users' machines only. */
const contradiction = (row: typeof fields.Type): string | undefined => {
  const words = (address: string) => address.split(/[/.-]/u)
  if (row.digest.hex.length !== digits[row.digest.algorithm])
    return `a ${row.digest.algorithm} digest has ${digits[row.digest.algorithm]} digits`
  for (const address of row.urls) {
    if (!address.includes(`/${row.build}/`)) return `${address} does not name the build ${row.build}: it may change`
    if (!architectureTokens[row.architecture].some((token) => words(address).includes(token))) {
      return `${address} does not name the architecture ${row.architecture}`
    }
    if (otherArchitectures(row.architecture).some((token) => words(address).includes(token))) {
      return `${address} names another architecture than ${row.architecture}`
    }
  }
  return row.endOfLife < row.published ? "it was published after its end of life" : undefined
}

/** One published image. */
export const RegistryImage = fields.check(Schema.makeFilter((row) => contradiction(row) ?? true))
export type RegistryImage = typeof RegistryImage.Type

const identity = (row: RegistryImage): string => `${row.version} ${row.architecture}`

const duplicate = (rows: ReadonlyArray<RegistryImage>): string | undefined =>
  rows.map(identity).find((name, index, all) => all.indexOf(name) !== index)

/** The images of one distribution: one for each version and architecture. */
export const Registry = Schema.Struct({
  family: Schema.NonEmptyString,
  images: Schema.Array(RegistryImage).check(
    Schema.makeFilter((rows) => {
      const twice = duplicate(rows)
      return twice === undefined || `there are two images for ${twice}`
    })
  )
})
export type Registry = typeof Registry.Type

/** Every distribution's registry. Its files are checked by the tests, so that a wrong one never leaves the repository. */
export const registries: ReadonlyArray<Registry> = [Schema.decodeUnknownSync(Registry)(debianRegistry)]
