import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Distribution } from "../Distribution.ts"
import { compareBuilds } from "./builds.ts"
import { IndexReader } from "./IndexReader.ts"
import { listingIn } from "./listingIn.ts"
import { unreadable } from "./Offer.ts"
import type { Publisher } from "./Publisher.ts"

/**
 * Releases after the file's first one that it does not have. They are only told: how a guest of a new release is entered is for a person to find
 * out.
 */
export const newReleases = Effect.fnUntraced(function* ({ releases }: Distribution, published: Publisher["releases"]) {
  if (published === undefined) return []
  const { listing, name } = published
  const page = yield* (yield* IndexReader).read(listing)
  if (Option.isNone(page)) return yield* unreadable(listing, "it is not there")
  const pattern = new RegExp(`^${name}$`, "u")
  const [oldest = ""] = Object.keys(releases)
  return listingIn(new TextDecoder().decode(page.value))
    .flatMap((entry) => pattern.exec(entry)?.[1] ?? [])
    .filter((version) => !Object.hasOwn(releases, version) && compareBuilds(version, oldest) > 0)
    .toSorted(compareBuilds)
})
