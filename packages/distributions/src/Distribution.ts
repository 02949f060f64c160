/**
 * A distribution's file in `registry/`: its published images, and what is known of its releases. TypeScript and Nix read the same files, so
 * everything that is known stands there as data.
 */
import { Digest, ImageFacts } from "@nix-vm-test/core/spec/Image"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { distributionProblems } from "./distributionProblems.ts"
import { Publisher } from "./update/Publisher.ts"

const date = Schema.String.check(
  Schema.makeFilter(
    (text) =>
      (/^\d{4}-\d{2}-\d{2}$/u.test(text) && !Number.isNaN(Date.parse(text))) || "expected a date such as 2026-08-06"
  )
)

/** Only what differs from the facts around it. */
const DifferentFacts = ImageFacts.mapFields(Struct.map(Schema.optionalKey))

/** Where a digest was read: in its publisher's own file, or in other projects' pins; how many public sources agree on it. */
const DigestSource = Schema.Union([
  Schema.Struct({
    /** The publisher's file of checksums. */
    checksums: Schema.NonEmptyString,
    /** Fingerprint of the key that signed it, where that was verified. */
    signedBy: Schema.optionalKey(Schema.NonEmptyString),
    read: date
  }),
  Schema.Struct({
    repository: Schema.String.check(Schema.isPattern(/^[\w.-]+\/[\w.-]+$/u, { expected: "owner/name" })),
    path: Schema.NonEmptyString,
    commit: Schema.String.check(Schema.isPattern(/^[0-9a-f]{40}$/u, { expected: "a commit of 40 digits" })),
    witnesses: Schema.Int.check(Schema.isGreaterThan(0))
  }),
  Schema.Struct({ witnesses: Schema.Int.check(Schema.isGreaterThan(1)) })
]).annotate({ expected: "the publisher's checksums, another project's pin with its commit, or two witnesses at least" })

/** One published file. */
export const PublishedImage = Schema.Struct({
  /** Which of a release's images, in its publisher's words: Debian's `generic` has the kernel with all drivers, `genericcloud` has not. */
  variant: Schema.NonEmptyString,
  /** The publisher's own name of this build; part of every URL. */
  build: Schema.NonEmptyString,
  /** Absent where the publisher does not say. */
  published: Schema.optionalKey(date),
  /** In order of preference. */
  urls: Schema.NonEmptyArray(Schema.String),
  digest: Digest,
  /** Bytes. */
  size: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  digestSource: DigestSource,
  facts: Schema.optionalKey(DifferentFacts)
})
export type PublishedImage = typeof PublishedImage.Type

export const Release = Schema.Struct({
  /** The last day of the longest free support; absent where a release has no end. */
  endOfLife: Schema.optionalKey(date),
  facts: Schema.optionalKey(DifferentFacts),
  /** Rows of the image builder's table that make such a guest from packages, where no file can be had. */
  recipes: Schema.optionalKey(Schema.Struct({ x86_64: Schema.NonEmptyString })),
  images: Schema.Struct({ x86_64: Schema.optionalKey(PublishedImage), aarch64: Schema.optionalKey(PublishedImage) })
})
export type Release = typeof Release.Type

const fields = Schema.Struct({
  /** As users write it before the colon. */
  family: Schema.NonEmptyString,
  /** As its publisher writes it. */
  title: Schema.NonEmptyString,
  /** The release that is meant where none is named. */
  default: Schema.NonEmptyString,
  /** Other words for releases: codenames, and majors that mean their newest minor. */
  aliases: Schema.Record(Schema.String, Schema.String),
  /** What the names of its published files begin with, in lower case. */
  fileNames: Schema.Array(Schema.NonEmptyString),
  /** Beginnings of addresses below which nothing ever changes. */
  frozenArchives: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  /** Where its images are published, for the updater. */
  publisher: Schema.optionalKey(Publisher),
  /** What holds for a release that is not listed, too. */
  facts: ImageFacts,
  /** From the oldest on. */
  releases: Schema.Record(Schema.String, Release)
})

/** A distribution, with everything checked that a reader would stumble over. */
export const Distribution = fields.check(Schema.makeFilter(distributionProblems))
export type Distribution = typeof fields.Type
