/** Offers of publishers with a folder of images, or a folder for each build, and files of checksums in them. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { fileNameOf } from "../imageUrl.ts"
import type { ImageRow } from "../imageRows.ts"
import { buildPlace, compareBuilds, renewedUrl } from "./builds.ts"
import { checksumIn } from "./checksumIn.ts"
import { IndexReader } from "./IndexReader.ts"
import { listingIn } from "./listingIn.ts"
import { isNamedAs, type Offer, type OpenIndex, unreadable } from "./Offer.ts"
import type { ChecksumFiles } from "./Publisher.ts"
import { verifiedText } from "./verifiedText.ts"

const folderOf = (url: string): string => url.slice(0, url.lastIndexOf("/") + 1)

const list = Effect.fnUntraced(function* (folder: string) {
  const page = yield* (yield* IndexReader).read(folder)
  return Option.map(page, (bytes) => listingIn(new TextDecoder().decode(bytes)))
})

interface Asked {
  readonly publisher: ChecksumFiles
  readonly row: ImageRow
  /** The pinned one's, below an origin. */
  readonly url: string
}

/** The names of the image's builds at this address, newest first and none older than the pinned one. */
const buildsAt = Effect.fnUntraced(function* ({ publisher, row: { image }, url }: Asked) {
  const { build: pinned } = image
  const pattern = publisher.build
  if (pattern === undefined || !isNamedAs(pinned, pattern)) return [pinned]
  const place = buildPlace(image, url, pattern)
  if (place === undefined) return [pinned]
  const published =
    publisher.newest === undefined
      ? Option.getOrElse(yield* list(place.folder), (): ReadonlyArray<string> => []).map(place.buildOf)
      : [yield* newestBuild({ publisher, url, place: place.folder, newest: publisher.newest })]
  const newer = published.flatMap((build) => (build !== undefined && compareBuilds(build, pinned) > 0 ? [build] : []))
  return [...new Set([...newer, pinned])].toSorted((one, other) => compareBuilds(other, one))
})

interface NewestBuild {
  readonly publisher: ChecksumFiles
  readonly url: string
  readonly place: string
  readonly newest: string
}

/** The build that the folder of the newest one names in its checksums. */
const newestBuild = Effect.fnUntraced(function* ({ publisher, url, place, newest }: NewestBuild) {
  const [, ...below] = folderOf(url).slice(place.length).split("/")
  const text = yield* verifiedText(`${place}${newest}/${below.join("/")}${publisher.checksums}`, publisher.signature)
  const pattern = new RegExp(`(?<![\\w.])(?:${publisher.build})(?![\\w.])`, "u")
  return pattern.exec(Option.match(text, { onNone: () => "", onSome: (found) => found.text }))?.[0]
})

/** The addresses at which checksums of a file may be. */
const checksumUrls = Effect.fnUntraced(function* (publisher: ChecksumFiles, imageUrl: string) {
  const folder = folderOf(imageUrl)
  const name = publisher.checksums.replace("{file}", fileNameOf(imageUrl))
  if (!name.includes("*")) return [`${folder}${name}`]
  const [before = "", after = ""] = name.split("*")
  const names = Option.getOrElse(yield* list(folder), (): ReadonlyArray<string> => [])
  return names.filter((file) => file.startsWith(before) && file.endsWith(after)).map((file) => `${folder}${file}`)
})

const offerOf = Effect.fnUntraced(function* ({ publisher, row, url }: Asked, build: string) {
  const { image } = row
  const renewed = renewedUrl(url, image.build, build)
  for (const checksums of yield* checksumUrls(publisher, renewed)) {
    const verified = yield* verifiedText(checksums, publisher.signature)
    if (Option.isNone(verified)) continue
    const { text, signedBy } = verified.value
    const fileName = fileNameOf(renewed)
    const isOwnList = publisher.checksums.includes("{file}")
    const found = checksumIn({ text, fileName, isOwnList })
    if (Result.isFailure(found)) return yield* unreadable(checksums, found.failure)
    if (found.success === undefined) continue
    const before = image.urls.slice(0, image.urls.indexOf(url)).filter((other) => isBelow(other, publisher.origins))
    const [first, ...rest] = [...image.urls.filter((other) => !before.includes(other)), ...before].map((other) =>
      renewedUrl(other, image.build, build)
    )
    const offer: Offer = {
      build,
      urls: [first ?? renewed, ...rest],
      ...found.success,
      checksums,
      ...(signedBy === undefined ? {} : { signedBy })
    }
    return Option.some(offer)
  }
  return Option.none<Offer>()
})

const isBelow = (url: string, origins: ReadonlyArray<string>): boolean =>
  origins.some((origin) => url.startsWith(origin))

/**
 * Asks the image's addresses in their order, since a release moves from one to the other, into an archive. A build that is not listed in its
 * own checksums, or not for this architecture, is passed over.
 */
export const openChecksumFiles: OpenIndex<ChecksumFiles> = (publisher) =>
  Effect.succeed(
    Effect.fnUntraced(function* (row) {
      for (const url of row.image.urls.filter((address) => isBelow(address, publisher.origins))) {
        const asked = { publisher, row, url }
        for (const build of yield* buildsAt(asked)) {
          const offer = yield* offerOf(asked, build)
          if (Option.isSome(offer)) return offer
        }
      }
      return Option.none<Offer>()
    })
  )
