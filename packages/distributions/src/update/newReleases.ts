import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Distribution } from "../Distribution.ts"
import { compareBuilds } from "./builds.ts"
import { IndexReader } from "./IndexReader.ts"
import { listingIn } from "./listingIn.ts"
import { unreadable } from "./Offer.ts"
import type { Publisher } from "./Publisher.ts"

/** By their numbers; undefined where there is none. */
const newestOf = (versions: ReadonlyArray<string>): string | undefined => versions.toSorted(compareBuilds).at(-1)

/**
 * Releases that are newer than all that the file has, or than all of the same major. They are only told: how a guest of a new release is entered is for a person to find
 * out.
 */
export const newReleases = Effect.fnUntraced(function* ({ releases }: Distribution, published: Publisher["releases"]) {
  if (published === undefined) return []
  const { listing, name } = published
  const page = yield* (yield* IndexReader).read(listing)
  if (Option.isNone(page)) return yield* unreadable(listing, "it is not there")
  const pattern = new RegExp(`^${name}$`, "u")
  const known = Object.keys(releases)
  const isNewer = (version: string): boolean => {
    const sameMajor = newestOf(known.filter((other) => other.split(".")[0] === version.split(".")[0]))
    return compareBuilds(version, sameMajor ?? newestOf(known) ?? "") > 0
  }
  return listingIn(new TextDecoder().decode(page.value))
    .flatMap((entry) => pattern.exec(entry)?.[1] ?? [])
    .filter(isNewer)
    .toSorted(compareBuilds)
})
