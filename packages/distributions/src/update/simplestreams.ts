/** Offers out of Ubuntu's document of all builds. */
import { Digest } from "@nix-vm-test/core/spec/Image"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { architectureTokens, fileNameOf } from "../imageUrl.ts"
import { compareBuilds, renewedUrl } from "./builds.ts"
import { isNamedAs, type Offer, type OpenIndex, unreadable } from "./Offer.ts"
import type { Simplestreams } from "./Publisher.ts"
import { verifiedText } from "./verifiedText.ts"

/** A file of a build. Only that of disks has to have all. */
const Item = Schema.Struct({
  path: Schema.String,
  sha256: Schema.optionalKey(Schema.String),
  size: Schema.optionalKey(Schema.Int)
})

/** As much of the document as is used. */
const Stream = Schema.fromJsonString(
  Schema.Struct({
    products: Schema.Record(
      Schema.String,
      Schema.Struct({
        arch: Schema.String,
        version: Schema.String,
        versions: Schema.Record(Schema.String, Schema.Struct({ items: Schema.Record(Schema.String, Item) }))
      })
    )
  })
)

const decodeDigest = Schema.decodeUnknownOption(Digest)

/** The item's own words for where it lies must be those of the pin, but for the folder of the host. */
const isAt = (path: string, url: string, build: string): boolean =>
  fileNameOf(path) === fileNameOf(url) && path.includes(`/release-${build}/`)

/** Takes the newest build that has the file: the newest of all may lack it for an architecture. */
export const openSimplestreams: OpenIndex<Simplestreams> = Effect.fnUntraced(function* (publisher: Simplestreams) {
  const { stream, signature, item, build: pattern } = publisher
  const verified = yield* verifiedText(stream, signature)
  if (Option.isNone(verified)) return yield* unreadable(stream, "it is not there")
  const { text, signedBy } = verified.value
  const { products } = yield* Schema.decodeEffect(Stream)(text).pipe(
    Effect.mapError((error) => unreadable(stream, error.message))
  )
  return ({ version, architecture, image }) => {
    const tokens: ReadonlyArray<string> = architectureTokens[architecture]
    const product = Object.values(products).find(
      (candidate) => candidate.version === version && tokens.includes(candidate.arch)
    )
    const builds = Object.keys(product?.versions ?? {})
      .filter((build) => isNamedAs(build, pattern) && compareBuilds(build, image.build) >= 0)
      .toSorted((one, other) => compareBuilds(other, one))
    for (const build of builds) {
      const file = product?.versions[build]?.items[item]
      const digest = decodeDigest({ algorithm: "sha256", hex: file?.sha256 })
      const [first, ...rest] = image.urls
      const url = renewedUrl(first, image.build, build)
      if (file === undefined || Option.isNone(digest) || !isAt(file.path, url, build)) continue
      const offer: Offer = {
        build,
        urls: [url, ...rest.map((other) => renewedUrl(other, image.build, build))],
        digest: digest.value,
        ...(file.size === undefined ? {} : { size: file.size }),
        checksums: stream,
        ...(signedBy === undefined ? {} : { signedBy })
      }
      return Effect.succeedSome(offer)
    }
    return Effect.succeedNone
  }
})
