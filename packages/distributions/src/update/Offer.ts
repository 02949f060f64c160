/** What a publisher says of one image. */
import type { Digest } from "@nix-vm-test/core/spec/Image"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { PublishedImage } from "../Distribution.ts"
import type { ImageRow } from "../imageRows.ts"
import type { IndexReader } from "./IndexReader.ts"
import type { Publisher } from "./Publisher.ts"
import { UpdateError } from "./UpdateError.ts"
import type { verifiedText } from "./verifiedText.ts"

/** The newest build that is published as the pinned one is: for the same release, architecture and variant. */
export interface Offer {
  /** Never older than the pinned one. */
  readonly build: string
  /** The pinned addresses with this build in them, those that lead nowhere any more last. */
  readonly urls: PublishedImage["urls"]
  readonly digest: Digest
  /** Bytes, where the publisher says so. */
  readonly size?: number
  /** Where the digest stands. */
  readonly checksums: string
  /** Fingerprint of the key that signed it. */
  readonly signedBy?: string
}

type Needs = Effect.Services<ReturnType<typeof verifiedText>> | IndexReader

/** Looks an image up; none where neither it nor a newer build of it is published any more. */
export type FindOffer = (row: ImageRow) => Effect.Effect<Option.Option<Offer>, UpdateError, Needs>

/** Reads what is common to all images of a publisher. */
export type OpenIndex<P extends Publisher> = (publisher: P) => Effect.Effect<FindOffer, UpdateError, Needs>

/** Whether a build is called as the publisher calls them; what is called otherwise is never renewed. */
export const isNamedAs = (build: string, pattern: string | undefined): boolean =>
  pattern !== undefined && new RegExp(`^(?:${pattern})$`, "u").test(build)

/** The error for an index that is there and does not say what it should. */
export const unreadable = (url: string, why: string): UpdateError =>
  new UpdateError({ reason: { _tag: "Unreadable", url, why } })
