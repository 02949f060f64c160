/** Keys of images that are the same on every host: digests of content. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { digestFile } from "../host/packedFile.ts"
import type { StoredImage } from "../plan/StoredImage.ts"
import { CacheDirectory } from "./CacheDirectory.ts"
import { digestOfKey, imageKey } from "./imageKey.ts"
import { readRecord, writeRecord } from "./ImageRecord.ts"

const Remembered = Schema.Struct({ sha256: Schema.String })

/**
 * The image's key where that is a digest already, as the store's own images have it. A user's file is read to its end, once: its key changes
 * when the file does.
 */
export const contentKey = Effect.fn("store.contentKey")(function* (image: StoredImage) {
  if (Option.isSome(digestOfKey(image.key))) return image.key
  const fs = yield* FileSystem.FileSystem
  const { probe } = yield* CacheDirectory
  const recordPath = `${probe}/content-${image.key}.json`
  const known = yield* readRecord(recordPath, Remembered)
  if (Option.isSome(known)) return imageKey({ algorithm: "sha256", hex: known.value.sha256 })
  const { sha256 } = yield* digestFile(image.path)
  // A cache that can't be written to costs time only.
  yield* Effect.ignore(
    Effect.andThen(fs.makeDirectory(probe, { recursive: true }), writeRecord(recordPath, Remembered, { sha256 }))
  )
  return imageKey({ algorithm: "sha256", hex: sha256 })
})
