/** Disk images that users have themselves; they are used where they lie. */
import { createHash } from "node:crypto"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { StoredImage } from "../../plan/StoredImage.ts"
import type { FileSource } from "../../spec/Image.ts"
import { checkBootable } from "../checkBootable.ts"
import { hostRefusal } from "../hostRefusal.ts"
import type { ImageError } from "../ImageError.ts"
import { checkWhole, inspectDisk } from "../Qcow.ts"
import { lookUpKey, remember, type SourceRequest, type SourceServices } from "./SourceRequest.ts"

/**
 * The key of a file is made from what changes when it is written to, not from its content: hashing a few gigabytes would cost seconds
 * at every start, and the file can't be kept from changing anyway.
 */
const fileKey = (file: { readonly path: string; readonly info: FileSystem.File.Info }): string => {
  const { path, info } = file
  const modified = Option.match(info.mtime, { onNone: () => 0, onSome: (time) => time.getTime() })
  const inode = Option.getOrElse(info.ino, () => 0n)
  const digest = createHash("sha256").update([path, info.size, modified, info.dev, inode].join("\0")).digest("hex")
  return `file-${digest}`
}

/** Verifies that the file is a whole disk which needs no other file; once, until it changes. */
export const obtainFile = Effect.fn("ImageStore.file")(function* (
  request: SourceRequest,
  source: FileSource
): Effect.fn.Return<StoredImage, ImageError, SourceServices> {
  const fs = yield* FileSystem.FileSystem
  const refused = Effect.mapError(hostRefusal({ operation: "read", path: source.path }))
  const path = yield* refused(fs.realPath(source.path))
  const info = yield* refused(fs.stat(path))
  const key = fileKey({ path, info })
  const known = yield* lookUpKey(request, key)
  if (Option.isSome(known)) return known.value
  const { imageTool, cache, image } = request
  const facts = yield* inspectDisk({ imageTool, path })
  if (facts.format === "qcow2") yield* checkWhole({ imageTool, path })
  yield* checkBootable({ imageTool, path, format: facts.format, architecture: image.architecture })
  const record = { disk: path, ...facts, bytes: ByteSize.toNumberUnsafe(info.size), installedAgent: false }
  // That it can't be remembered in a read-only cache costs time only.
  return yield* Effect.andThen(
    Effect.ignore(fs.makeDirectory(cache.images, { recursive: true })),
    remember(request, key, record)
  ).pipe(Effect.orElseSucceed(() => ({ image, path, ...facts, key, installedAgent: false })))
})
