/** Makes room in the cache: what has not been used for longest goes first, and images last, for they take longest to get again. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { CacheEntry, CacheKind } from "./cacheContents.ts"
import { cacheContents } from "./cacheContents.ts"

export interface CollectOptions {
  /** Bytes that may stay. What is in use or was imported stays in any case, and counts. */
  readonly maxBytes: number
  /** Default: everything. */
  readonly kinds?: ReadonlyArray<CacheKind> | undefined
}

export interface Collected {
  readonly removed: ReadonlyArray<CacheEntry>
  readonly kept: ReadonlyArray<CacheEntry>
}

const total = (entries: ReadonlyArray<CacheEntry>): number => entries.reduce((sum, { bytes }) => sum + bytes, 0)

const rank = ({ kind }: CacheEntry): number => (kind === "image" ? 1 : 0)

/** What has to go, in this order. */
export const chooseGarbage = (entries: ReadonlyArray<CacheEntry>, maxBytes: number): ReadonlyArray<CacheEntry> => {
  const candidates = entries
    .filter(({ inUse, imported }) => !inUse && !imported)
    .toSorted((one, other) => rank(one) - rank(other) || one.lastUsed.getTime() - other.lastUsed.getTime())
  const chosen: Array<CacheEntry> = []
  let left = total(entries)
  for (const candidate of candidates) {
    if (left <= maxBytes) break
    chosen.push(candidate)
    left -= candidate.bytes
  }
  return chosen
}

const isRecord = (path: string): boolean => path.endsWith(".json")

/** The record first: a thing without it is none. */
const remove = Effect.fnUntraced(function* ({ paths }: CacheEntry) {
  const fs = yield* FileSystem.FileSystem
  const inOrder = [...paths.filter(isRecord), ...paths.filter((path) => !isRecord(path))]
  yield* Effect.forEach(inOrder, (path) => Effect.ignore(fs.remove(path, { recursive: true, force: true })), {
    discard: true
  })
})

export const collectGarbage = Effect.fn("collectGarbage")(function* ({ maxBytes, kinds }: CollectOptions) {
  const entries = yield* cacheContents(kinds)
  const removed = chooseGarbage(entries, maxBytes)
  yield* Effect.forEach(removed, remove, { discard: true })
  const collected: Collected = { removed, kept: entries.filter((entry) => !removed.includes(entry)) }
  return collected
})
