/** Prepared images: thin overlays over images of the store, each with what one preparation boot wrote. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ProcessIdentity } from "../host/ProcessIdentity.ts"
import type { StoredImage } from "../plan/StoredImage.ts"
import { adoptFile } from "./adoptFile.ts"
import { CacheDirectory } from "./CacheDirectory.ts"
import { fileLock } from "./FileLock.ts"
import { hostRefusal } from "./hostRefusal.ts"
import type { ImageError } from "./ImageError.ts"
import { fileSize, ImageRecord, readRecord, writeRecord } from "./ImageRecord.ts"
import { markUsed } from "./lastUse.ts"
import { copyOverlay } from "./Qcow.ts"

export interface PreparedOptions {
  readonly image: StoredImage
  /** Stands for the image and for all that the preparation puts into it. */
  readonly key: string
}

const diskName = (key: string): string => `${key}.qcow2`

/** The image as machines are made from it; its kernel, if it has one, is still the base's. */
const preparedFrom = (options: PreparedOptions, folder: string): StoredImage => ({
  ...options.image,
  path: `${folder}/${diskName(options.key)}`,
  format: "qcow2",
  key: options.key,
  installedAgent: true
})

/** The prepared image of this key; none where it was not made yet, or has another size than it had. Its time of use stays. */
export const peekPrepared = Effect.fnUntraced(function* (options: PreparedOptions) {
  const { prepared } = yield* CacheDirectory
  const recordPath = `${prepared}/${options.key}.json`
  const record = yield* readRecord(recordPath, ImageRecord)
  if (Option.isNone(record)) return Option.none<StoredImage>()
  const image = preparedFrom(options, prepared)
  const size = yield* fileSize(image.path)
  return Option.contains(size, record.value.bytes) ? Option.some(image) : Option.none()
})

/** The same for somebody who uses it. */
export const lookUpPrepared = Effect.fnUntraced(function* (options: PreparedOptions) {
  const { prepared } = yield* CacheDirectory
  const found = yield* peekPrepared(options)
  if (Option.isSome(found)) yield* markUsed(`${prepared}/${options.key}.json`)
  return found
})

/** Keeps others from making the same prepared image until the Scope closes. */
export const lockPrepared = Effect.fnUntraced(function* (options: {
  readonly key: string
  readonly onWait: (owner: ProcessIdentity) => void
}): Effect.fn.Return<void, ImageError, CacheDirectory | FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const { prepared } = yield* CacheDirectory
  yield* Effect.mapError(
    fs.makeDirectory(prepared, { recursive: true }),
    hostRefusal({ operation: "make", path: prepared })
  )
  yield* fileLock({ path: `${prepared}/${options.key}.lock`, onWait: options.onWait })
})

/** Keeps an overlay over the image as its prepared form. The caller holds the lock. */
export const keepPrepared = Effect.fnUntraced(function* (
  options: PreparedOptions & {
    readonly overlay: string
    /** The `qemu-img` program. */
    readonly imageTool: string
  }
) {
  const { image, overlay, imageTool, key } = options
  const { prepared } = yield* CacheDirectory
  const kept = preparedFrom(options, prepared)
  const beside = `${kept.path}.new`
  yield* copyOverlay({ imageTool, path: overlay, base: image, target: beside })
  yield* adoptFile(beside, kept.path)
  const bytes = Option.getOrElse(yield* fileSize(kept.path), () => 0)
  const { virtualSize } = image
  const title = image.image.id
  const record: ImageRecord = { disk: diskName(key), format: "qcow2", virtualSize, bytes, installedAgent: true, title }
  yield* writeRecord(`${prepared}/${key}.json`, ImageRecord, record)
  return kept
})
