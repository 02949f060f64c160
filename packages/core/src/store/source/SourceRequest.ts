/** One image that is wanted from one cache: what the three kinds of sources have in common. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { EventBody } from "../../events/Event.ts"
import type { ChildProcesses } from "../../host/ChildProcesses.ts"
import type { StoredImage } from "../../plan/StoredImage.ts"
import type { Image } from "../../spec/Image.ts"
import type { AgentUnit } from "../builder/ImageBuilder.ts"
import type { CacheDirectoryShape } from "../CacheDirectory.ts"
import { fileLock } from "../FileLock.ts"
import { hostRefusal } from "../hostRefusal.ts"
import type { ImageError } from "../ImageError.ts"
import { markUsed } from "../lastUse.ts"
import { fileSize, ImageRecord, readRecord, writeRecord } from "../ImageRecord.ts"

/** What getting an image reports: the bodies of a run's events. */
export type ImageReport = Extract<EventBody, { readonly _tag: "ImageProgress" | "Notice" }>

export interface SourceRequest {
  readonly image: Image
  readonly cache: CacheDirectoryShape
  /** The `qemu-img` program. */
  readonly imageTool: string
  /** Goes into images that are built here. */
  readonly agentUnit: AgentUnit
  readonly report: (report: ImageReport) => void
}

/** What the sources use to do their work. */
export type SourceServices = ChildProcesses | FileSystem.FileSystem | HttpClient.HttpClient

export type Activity = Extract<ImageReport, { readonly _tag: "ImageProgress" }>["activity"]

export interface ProgressAmount {
  readonly done: number
  readonly total?: number | undefined
  readonly unit: "bytes" | "steps"
}

/** Reports a step on the way to the image. */
export const progress = (request: SourceRequest, activity: Activity, text: string, amount?: ProgressAmount): void =>
  request.report({
    _tag: "ImageProgress",
    image: request.image.id,
    activity,
    text,
    ...(amount === undefined ? {} : { done: amount.done, unit: amount.unit }),
    ...(amount?.total === undefined ? {} : { total: amount.total })
  })

/** Reports a choice that users should know of. */
export const notice = (request: SourceRequest, text: string): void =>
  request.report({ _tag: "Notice", topic: "image", text })

const recordPath = (request: SourceRequest, key: string): string => `${request.cache.images}/${key}.json`

const toStoredImage = (request: SourceRequest, key: string, record: ImageRecord): StoredImage => {
  const locate = (name: string): string => (name.startsWith("/") ? name : `${request.cache.images}/${name}`)
  const { disk, format, virtualSize, kernel, installedAgent } = record
  const stored = { image: request.image, path: locate(disk), format, virtualSize, key, installedAgent }
  return kernel === undefined
    ? stored
    : {
        ...stored,
        kernel: { kernel: locate(kernel.kernel), initrd: locate(kernel.initrd), commandLine: kernel.commandLine }
      }
}

/** An image of the cache by its key; none where its disk is missing or has another size than it had. */
export const peekKey = Effect.fnUntraced(function* (
  request: SourceRequest,
  key: string
): Effect.fn.Return<Option.Option<StoredImage>, never, FileSystem.FileSystem> {
  const record = yield* readRecord(recordPath(request, key), ImageRecord)
  if (Option.isNone(record)) return Option.none()
  const stored = toStoredImage(request, key, record.value)
  const size = yield* fileSize(stored.path)
  return Option.contains(size, record.value.bytes) ? Option.some(stored) : Option.none()
})

/** The same for somebody who uses it: what has not been used for longest goes first when the cache is cleaned. */
export const lookUpKey = Effect.fnUntraced(function* (
  request: SourceRequest,
  key: string
): Effect.fn.Return<Option.Option<StoredImage>, never, FileSystem.FileSystem> {
  const stored = yield* peekKey(request, key)
  if (Option.isSome(stored)) yield* markUsed(recordPath(request, key))
  return stored
})

/** Remembers an image whose files are in their places, and gives it. */
export const remember = Effect.fnUntraced(function* (
  request: SourceRequest,
  key: string,
  record: ImageRecord
): Effect.fn.Return<StoredImage, ImageError, FileSystem.FileSystem> {
  yield* writeRecord(recordPath(request, key), ImageRecord, { ...record, title: request.image.id })
  return toStoredImage(request, key, record)
})

/** Makes a folder of the cache and holds one of its locks until the Scope closes: what follows is one process's at a time. */
export const lockIn = Effect.fnUntraced(function* (
  request: SourceRequest,
  folder: string,
  name: string
): Effect.fn.Return<void, ImageError, FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.mapError(
    fs.makeDirectory(folder, { recursive: true }),
    hostRefusal({ operation: "make", path: folder })
  )
  yield* fileLock({
    path: `${folder}/${name}.lock`,
    onWait: (owner) => notice(request, `waiting for process ${owner.pid}, which is getting ${request.image.id}`)
  })
})
