/** Images that a publisher offers for download, known by their digest. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StoredImage } from "../../plan/StoredImage.ts"
import type { PinnedSource } from "../../spec/Image.ts"
import { download, type DownloadProgress } from "../Download.ts"
import { checkBootable } from "../checkBootable.ts"
import type { ImageError } from "../ImageError.ts"
import { imageKey } from "../imageKey.ts"
import { fileSize } from "../ImageRecord.ts"
import { occasionally } from "../occasionally.ts"
import { inspectDisk } from "../Qcow.ts"
import { lockIn, lookUpKey, progress, remember, type SourceRequest, type SourceServices } from "./SourceRequest.ts"

const reporter = (request: SourceRequest, source: PinnedSource) =>
  occasionally(({ url, doneBytes, totalBytes }: DownloadProgress) => {
    const total = totalBytes ?? source.size
    progress(request, "download", `downloading from ${new URL(url).host}`, { done: doneBytes, total, unit: "bytes" })
  })

/** Downloads the disk, unless another process did so while this one waited for it. */
export const obtainPinned = Effect.fn("ImageStore.pinned")(function* (
  request: SourceRequest,
  source: PinnedSource
): Effect.fn.Return<StoredImage, ImageError, SourceServices | Scope.Scope> {
  const { cache, image, imageTool } = request
  const key = imageKey(source.digest)
  yield* lockIn(request, cache.images, key)
  const there = yield* lookUpKey(request, key)
  if (Option.isSome(there)) return there.value
  const fs = yield* FileSystem.FileSystem
  const disk = `${key}.${image.format}`
  const path = `${cache.images}/${disk}`
  // A file of this name was verified before it got it; only its record is missing.
  if (Option.isNone(yield* fileSize(path))) {
    yield* download({ urls: source.urls, digest: source.digest, target: path, onProgress: reporter(request, source) })
  }
  progress(request, "verify", "verifying the disk")
  const inspected = Effect.tap(inspectDisk({ imageTool, path }), ({ format }) =>
    checkBootable({ imageTool, path, format, architecture: image.architecture })
  )
  const facts = yield* Effect.tapError(inspected, () => Effect.ignore(fs.remove(path)))
  const bytes = Option.getOrElse(yield* fileSize(path), () => 0)
  return yield* remember(request, key, { disk, ...facts, bytes, installedAgent: false })
}, Effect.scoped)
