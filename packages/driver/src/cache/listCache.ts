import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { cacheContents } from "@nix-vm-test/core/store/cacheContents"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { cacheTable } from "./cacheTable.ts"

export interface ListCacheOptions {
  readonly json: boolean
}

/** Prints what the cache holds. */
export const listCache = Effect.fn("cache.list")(
  function* ({ json }: ListCacheOptions) {
    const { root } = yield* CacheDirectory
    const entries = yield* cacheContents()
    const text = entries.length === 0 ? `nothing in ${root}` : `${root}\n\n${cacheTable(entries)}`
    yield* Console.log(json ? JSON.stringify({ root, entries }, undefined, 2) : text)
  },
  Effect.provide(Layer.merge(NodeFileSystem.layer, CacheDirectory.layer))
)
