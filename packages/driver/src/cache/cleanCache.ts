import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { parseByteSize } from "@nix-vm-test/core/spec/ByteSize"
import type { CacheEntry } from "@nix-vm-test/core/store/cacheContents"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { type Collected, collectGarbage } from "@nix-vm-test/core/store/collectGarbage"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { sizeText } from "../sizeText.ts"
import { cacheTable } from "./cacheTable.ts"

export interface CleanCacheOptions {
  /** A size with its unit. */
  readonly maxSize: string
  /** Nothing may stay but what is in use. */
  readonly all: boolean
  readonly json: boolean
}

const total = (entries: ReadonlyArray<CacheEntry>): number => entries.reduce((sum, { bytes }) => sum + bytes, 0)

const report = ({ removed, kept }: Collected): string => {
  const stays = `${sizeText(total(kept))} stay`
  return removed.length === 0 ? `nothing to remove: ${stays}` : `${cacheTable(removed)}\n\nremoved; ${stays}`
}

/** Makes room in the cache and prints what is gone. */
export const cleanCache = Effect.fn("cache.clean")(
  function* ({ maxSize, all, json }: CleanCacheOptions) {
    const limit = parseByteSize(maxSize)
    if (Option.isNone(limit)) {
      return yield* new UsageError({ text: `--max-size ${maxSize}: expected a size such as 20GiB` })
    }
    const collected = yield* collectGarbage({ maxBytes: all ? 0 : limit.value })
    yield* Console.log(json ? JSON.stringify(collected, undefined, 2) : report(collected))
  },
  Effect.provide(Layer.merge(NodeFileSystem.layer, CacheDirectory.layer))
)
