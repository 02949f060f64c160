/** A package that is downloaded once and kept in the cache by its digest. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type { Digest } from "../spec/Image.ts"
import { CacheDirectory } from "./CacheDirectory.ts"
import { download, type DownloadProgress } from "./Download.ts"
import { fileLock } from "./FileLock.ts"
import { hostRefusal } from "./hostRefusal.ts"
import { imageKey } from "./imageKey.ts"
import type { ImageError } from "./ImageError.ts"
import { fileSize } from "./ImageRecord.ts"
import { markUsed } from "./lastUse.ts"

export interface PinnedPackage {
  readonly url: string
  readonly digest: Digest
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** The verified file, with the name that its URL ends in. */
export const pinnedPackage = Effect.fn("store.pinnedPackage")(function* (
  options: PinnedPackage
): Effect.fn.Return<string, ImageError, CacheDirectory | FileSystem.FileSystem | HttpClient.HttpClient> {
  const { url, digest, onProgress } = options
  const { packages } = yield* CacheDirectory
  const fs = yield* FileSystem.FileSystem
  const folder = path.join(packages, imageKey(digest))
  const target = path.join(folder, path.posix.basename(new URL(url).pathname))
  const obtain = Effect.gen(function* () {
    yield* Effect.mapError(
      fs.makeDirectory(folder, { recursive: true }),
      hostRefusal({ operation: "make", path: folder })
    )
    yield* fileLock({ path: `${folder}.lock` })
    if (Option.isNone(yield* fileSize(target))) yield* download({ urls: [url], digest, target, onProgress })
  })
  // A cache that can't be written to may still have it.
  if (Option.isNone(yield* fileSize(target))) yield* Effect.scoped(obtain)
  yield* markUsed(folder)
  return target
})
