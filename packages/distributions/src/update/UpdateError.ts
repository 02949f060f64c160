/** Why a distribution's images were left as they are. */
import * as Schema from "effect/Schema"

/** An index could not be read; one that is not there is no error, but nothing found. */
export const Unreachable = Schema.TaggedStruct("Unreachable", { url: Schema.String, why: Schema.String })
/** The publisher's host handed a question on whose answer nothing but that host could prove. */
export const Redirected = Schema.TaggedStruct("Redirected", { url: Schema.String, to: Schema.String })
/** What should be signed is not, or not by a key that is trusted. */
export const NotSigned = Schema.TaggedStruct("NotSigned", { url: Schema.String, why: Schema.String })
/** The index is there and can't be understood. */
export const Unreadable = Schema.TaggedStruct("Unreadable", { url: Schema.String, why: Schema.String })
/** A build that is pinned already is published with another digest: nobody but a person can tell what happened. */
export const DigestChanged = Schema.TaggedStruct("DigestChanged", {
  image: Schema.String,
  pinned: Schema.String,
  published: Schema.String,
  url: Schema.String
})
/** The file is another than its checksum says. */
export const BytesDiffer = Schema.TaggedStruct("BytesDiffer", {
  url: Schema.String,
  announced: Schema.String,
  received: Schema.String
})
/** Not one image of the distribution is where it was: more likely the publisher's pages have changed than everything is gone. */
export const NothingFound = Schema.TaggedStruct("NothingFound", { title: Schema.String })
/** The distribution's file does not, or would no longer, hold what the registry promises. */
export const BadRegistry = Schema.TaggedStruct("BadRegistry", { path: Schema.String, why: Schema.String })

export const UpdateErrorReason = Schema.Union([
  Unreachable,
  Redirected,
  NotSigned,
  Unreadable,
  DigestChanged,
  BytesDiffer,
  NothingFound,
  BadRegistry
])
export type UpdateErrorReason = typeof UpdateErrorReason.Type

const messageOf = (reason: UpdateErrorReason): string => {
  switch (reason._tag) {
    case "Unreachable":
      return `can't read ${reason.url}: ${reason.why}`
    case "Redirected":
      return `${reason.url} leads to ${reason.to}: checksums that nobody signed are read by https from their publisher only`
    case "NotSigned":
      return `can't trust ${reason.url}: ${reason.why}`
    case "Unreadable":
      return `${reason.url} is not what was expected: ${reason.why}`
    case "DigestChanged":
      return (
        `${reason.image} is pinned with ${reason.pinned}, but ${reason.url} says ${reason.published}: ` +
        "find out which of both is right before anything is changed"
      )
    case "BytesDiffer":
      return `${reason.url} is announced with ${reason.announced}, but gave ${reason.received}: try again later, and don't pin it now`
    case "NothingFound":
      return `none of ${reason.title}'s images is where it was: its publisher's pages may have changed`
    case "BadRegistry":
      return `${reason.path}: ${reason.why}`
  }
}

export class UpdateError extends Schema.TaggedError<UpdateError>()("UpdateError", { reason: UpdateErrorReason }) {
  override get message(): string {
    return messageOf(this.reason)
  }
}
