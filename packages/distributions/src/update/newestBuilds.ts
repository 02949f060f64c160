/** Offers out of Oracle's documents of a major release's newest build. */
import { Digest } from "@nix-vm-test/core/spec/Image"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { buildPlace, compareBuilds, renewedUrl } from "./builds.ts"
import { type Offer, type OpenIndex, unreadable } from "./Offer.ts"
import type { NewestBuilds } from "./Publisher.ts"
import { verifiedText } from "./verifiedText.ts"

/** As much of the document as is used. */
const NewestBuild = Schema.fromJsonString(
  Schema.Struct({
    /** Path of the host, with slashes around it. */
    base_url: Schema.String,
    kvm: Schema.Struct({ image: Schema.String, sha256: Digest.fields.hex })
  })
)

/** A document of another minor release than the pinned one says nothing of it. */
export const openNewestBuilds: OpenIndex<NewestBuilds> = (publisher) =>
  Effect.succeed(
    Effect.fnUntraced(function* ({ version, architecture, image }) {
      const { signature, documents, build: pattern } = publisher
      const [major = ""] = version.split(".")
      const document = documents[architecture].replace("{major}", major)
      const verified = yield* verifiedText(document, signature)
      if (Option.isNone(verified)) return Option.none<Offer>()
      const { text, signedBy } = verified.value
      const newest = yield* Schema.decodeEffect(NewestBuild)(text).pipe(
        Effect.mapError((error) => unreadable(document, error.message))
      )
      const [first, ...rest] = image.urls
      const build = buildPlace(image, first, pattern)?.buildOf(newest.kvm.image)
      if (build === undefined || compareBuilds(build, image.build) < 0) return Option.none<Offer>()
      const url = renewedUrl(first, image.build, build)
      if (URL.parse(`${newest.base_url}${newest.kvm.image}`, document)?.href !== url) return Option.none<Offer>()
      const offer: Offer = {
        build,
        urls: [url, ...rest.map((other) => renewedUrl(other, image.build, build))],
        digest: { algorithm: "sha256", hex: newest.kvm.sha256 },
        checksums: document,
        ...(signedBy === undefined ? {} : { signedBy })
      }
      return Option.some(offer)
    })
  )
