/** Digests of files, with the progress of reading them: the disks of guests have gigabytes. */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Digest } from "../spec/Image.ts"
import { hostRefusal } from "./hostRefusal.ts"
import type { ImageError } from "./ImageError.ts"
import { fileSize } from "./ImageRecord.ts"

export interface HashFileOptions {
  /** Absolute path. */
  readonly path: string
  readonly algorithm: Digest["algorithm"]
  /** Called for every piece that was read. */
  readonly onProgress?: ((progress: { readonly doneBytes: number; readonly totalBytes: number }) => void) | undefined
}

const chunkSize = 1024 * 1024

export const hashFile = Effect.fn("store.hashFile")(function* (
  options: HashFileOptions
): Effect.fn.Return<Digest, ImageError, FileSystem.FileSystem> {
  const { path, algorithm, onProgress } = options
  const fs = yield* FileSystem.FileSystem
  const totalBytes = Option.getOrElse(yield* fileSize(path), () => 0)
  const hash = createHash(algorithm)
  let doneBytes = 0
  yield* Stream.runForEach(fs.stream(path, { chunkSize }), (chunk) =>
    Effect.sync(() => {
      hash.update(chunk)
      doneBytes += chunk.length
      onProgress?.({ doneBytes, totalBytes })
    })
  ).pipe(Effect.mapError(hostRefusal({ operation: "read", path })))
  return { algorithm, hex: hash.digest("hex") }
})
