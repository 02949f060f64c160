/** A distribution's file, renewed by what its publisher says: the same rows in the same order, never with an older build. */
import type { Architecture } from "@nix-vm-test/core/spec/Image"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { dayOfBuild } from "../dayOfBuild.ts"
import { Distribution, type PublishedImage } from "../Distribution.ts"
import { type ImageRow, imageRows } from "../imageRows.ts"
import { checkBytes, type CheckBytesOptions } from "./checkBytes.ts"
import { openChecksumFiles } from "./checksumFiles.ts"
import { openNewestBuilds } from "./newestBuilds.ts"
import { newReleases } from "./newReleases.ts"
import type { Offer } from "./Offer.ts"
import type { Publisher } from "./Publisher.ts"
import { openSimplestreams } from "./simplestreams.ts"
import { UpdateError } from "./UpdateError.ts"

/**
 * What became of an image:
 *
 * - `renewed`: a newer build took its place.
 * - `confirmed`: the publisher's own checksum stands for the digest now, where others' word did before.
 * - `moved`: its addresses have another order, since the publisher has put it elsewhere.
 * - `current`: the publisher says what the pin says.
 * - `uncompared`: its publisher gives digests of another algorithm only.
 * - `vanished`: the publisher lists neither it nor a newer one; the pin stays, since its file may live on elsewhere.
 */
export type Change = "renewed" | "confirmed" | "moved" | "current" | "uncompared" | "vanished"

export interface UpdatedImage {
  /** Such as `debian:12`. */
  readonly image: string
  readonly architecture: Architecture
  readonly change: Change
  readonly from: string
  /** The build that is pinned now. */
  readonly to: string
}

export interface UpdatedDistribution {
  readonly distribution: Distribution
  readonly images: ReadonlyArray<UpdatedImage>
  /** Versions that the publisher has and the file has not. */
  readonly newReleases: ReadonlyArray<string>
}

export interface UpdateOptions extends Pick<CheckBytesOptions, "onProgress"> {
  readonly distribution: Distribution
  readonly publisher: Publisher
  /** Whether newer files are downloaded and compared with their checksums; without it their sizes stay unknown. */
  readonly readsImages: boolean
}

const openIndex = (publisher: Publisher) => {
  switch (publisher._tag) {
    case "ChecksumFiles":
      return openChecksumFiles(publisher)
    case "Simplestreams":
      return openSimplestreams(publisher)
    case "NewestBuilds":
      return openNewestBuilds(publisher)
  }
}

interface RowOutcome {
  readonly change: Change
  readonly image: PublishedImage
}

const changeOf = (image: PublishedImage, offer: Offer): Change => {
  if (offer.build !== image.build) return "renewed"
  if (offer.urls.some((url, index) => url !== image.urls[index])) return "moved"
  if (offer.digest.algorithm !== image.digest.algorithm) return "uncompared"
  return "checksums" in image.digestSource ? "current" : "confirmed"
}

/** The row with what was learned; fields in the order of the file. */
const pinned = (image: PublishedImage, offer: Offer, size: number | undefined, read: string): PublishedImage => {
  const isRenewed = offer.build !== image.build
  const published = isRenewed ? dayOfBuild(offer.build) : image.published
  return {
    variant: image.variant,
    build: offer.build,
    ...(published === undefined ? {} : { published }),
    urls: offer.urls,
    digest: offer.digest,
    ...(size === undefined ? {} : { size }),
    digestSource: {
      checksums: offer.checksums,
      ...(offer.signedBy === undefined ? {} : { signedBy: offer.signedBy }),
      read
    },
    ...(image.facts === undefined ? {} : { facts: image.facts })
  }
}

const updateRow = Effect.fnUntraced(function* (
  row: ImageRow,
  offer: Offer,
  { readsImages, onProgress }: Pick<UpdateOptions, "readsImages" | "onProgress">
) {
  const { image, distribution, version } = row
  const now = yield* Clock.currentTimeMillis
  const today = new Date(now).toISOString().slice(0, 10)
  const change = changeOf(image, offer)
  const digestText = ({ digest }: Pick<Offer, "digest">) => `${digest.algorithm}:${digest.hex}`
  const isSameFile = change !== "renewed" && offer.digest.algorithm === image.digest.algorithm
  if (isSameFile && offer.digest.hex !== image.digest.hex) {
    return yield* new UpdateError({
      reason: {
        _tag: "DigestChanged",
        image: `${distribution.family}:${version} (${row.architecture}, ${image.build})`,
        pinned: digestText(image),
        published: digestText(offer),
        url: offer.checksums
      }
    })
  }
  const outcome = (next: PublishedImage): RowOutcome => ({ change, image: next })
  switch (change) {
    case "renewed": {
      const size = readsImages ? yield* checkBytes({ offer, onProgress }) : offer.size
      return outcome(pinned(image, offer, size, today))
    }
    case "confirmed":
      return outcome(pinned(image, offer, offer.size ?? image.size, today))
    case "moved":
      return outcome({ ...image, urls: offer.urls })
    case "current":
    case "uncompared":
    case "vanished":
      return outcome(image)
  }
})

/** The file with other images; fails where it would no longer be what the registry promises. */
const withImages = (
  distribution: Distribution,
  outcomes: ReadonlyArray<RowOutcome & { readonly row: ImageRow }>
): Effect.Effect<Distribution, UpdateError> => {
  const releases = Object.entries(distribution.releases).map(([version, release]) => {
    const images = outcomes
      .filter(({ row }) => row.version === version)
      .map(({ row, image }) => [row.architecture, image] as const)
    return [version, { ...release, images: Object.fromEntries(images) }] as const
  })
  const next = Schema.decodeResult(Distribution)({ ...distribution, releases: Object.fromEntries(releases) })
  return Result.isSuccess(next)
    ? Effect.succeed(next.success)
    : Effect.fail(
        new UpdateError({
          reason: { _tag: "BadRegistry", path: `${distribution.family}.json`, why: next.failure.message }
        })
      )
}

/** All or nothing: one image that is not as it should be keeps the distribution as it is. */
export const updateDistribution = Effect.fn("update.distribution")(function* (options: UpdateOptions) {
  const { distribution, publisher } = options
  const findOffer = yield* openIndex(publisher)
  const outcomes = yield* Effect.forEach(
    imageRows(distribution),
    Effect.fnUntraced(function* (row) {
      const offer = yield* findOffer(row)
      const vanished: RowOutcome = { change: "vanished", image: row.image }
      const outcome = Option.isNone(offer) ? vanished : yield* updateRow(row, offer.value, options)
      return { row, ...outcome }
    })
  )
  if (outcomes.every(({ change }) => change === "vanished")) {
    return yield* new UpdateError({ reason: { _tag: "NothingFound", title: distribution.title } })
  }
  const updated: UpdatedDistribution = {
    distribution: yield* withImages(distribution, outcomes),
    images: outcomes.map(({ row, change, image }) => ({
      image: `${distribution.family}:${row.version}`,
      architecture: row.architecture,
      change,
      from: row.image.build,
      to: image.build
    })),
    newReleases: yield* newReleases(distribution, publisher.releases)
  }
  return updated
})
