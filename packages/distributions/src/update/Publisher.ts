/** Where a publisher says which builds it has and what their digests are, and what of that is believed: data of a distribution's file. */
import * as Schema from "effect/Schema"

const httpsAddress = Schema.String.check(
  Schema.isPattern(/^https:\/\/[\w.-]+\/\S*$/u, { expected: "an https address" })
)

/** A beginning of addresses, whole folders of it. */
const httpsFolder = Schema.String.check(
  Schema.isPattern(/^https:\/\/[\w.-]+\/(?:\S*\/)?$/u, { expected: "an https address that ends with /" })
)

const regularExpression = Schema.String.check(
  Schema.makeFilter((text) => {
    try {
      return new RegExp(text, "u") instanceof RegExp
    } catch {
      return "expected a regular expression"
    }
  })
)

/** The fingerprint is what is trusted; the key itself may come from anywhere. */
const SigningKey = Schema.Struct({
  /** Of the primary key. */
  fingerprint: Schema.String.check(Schema.isPattern(/^[0-9A-F]{40}$/u, { expected: "40 digits in upper case" })),
  url: httpsAddress
})

/** How a file is signed: within itself, or by a file beside it whose name has `suffix` added. */
export const Signature = Schema.Union([
  Schema.TaggedStruct("Clearsigned", { keys: Schema.NonEmptyArray(SigningKey) }),
  Schema.TaggedStruct("Detached", { suffix: Schema.NonEmptyString, keys: Schema.NonEmptyArray(SigningKey) })
])
export type Signature = typeof Signature.Type

const common = {
  /** What is signed, by whom; absent where the publisher signs nothing: then https to the origin is all there is. */
  signature: Schema.optionalKey(Signature),
  /** Where the publisher lists its releases, by folders whose names give the version in the expression's group. */
  releases: Schema.optionalKey(Schema.Struct({ listing: httpsFolder, name: regularExpression }))
}

/** The whole name of a build. An image that is called otherwise, such as one of an archive, is compared and never renewed. */
const build = regularExpression

/** Files of checksums beside the images. */
export const ChecksumFiles = Schema.TaggedStruct("ChecksumFiles", {
  ...common,
  /** Below these addresses the publisher itself answers, not a mirror. */
  origins: Schema.NonEmptyArray(httpsFolder),
  /** Absent where a release has one build for ever. */
  build: Schema.optionalKey(build),
  /** Stands for the build in the address of the newest one, where folders can't be listed. */
  newest: Schema.optionalKey(Schema.NonEmptyString),
  /** Name of the file in the image's folder: `{file}` is the image's own; one with `*` is looked up in the folder. */
  checksums: Schema.NonEmptyString
})
export type ChecksumFiles = typeof ChecksumFiles.Type

/** Ubuntu's one document of all builds. */
export const Simplestreams = Schema.TaggedStruct("Simplestreams", {
  ...common,
  build,
  stream: httpsAddress,
  /** Which file of a build. */
  item: Schema.NonEmptyString
})
export type Simplestreams = typeof Simplestreams.Type

/** Oracle's documents of the newest build, one for each major release; `{major}` stands in their addresses. */
export const NewestBuilds = Schema.TaggedStruct("NewestBuilds", {
  ...common,
  build,
  documents: Schema.Struct({ x86_64: httpsAddress, aarch64: httpsAddress })
})
export type NewestBuilds = typeof NewestBuilds.Type

export const Publisher = Schema.Union([ChecksumFiles, Simplestreams, NewestBuilds])
export type Publisher = typeof Publisher.Type
