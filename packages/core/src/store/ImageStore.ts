/**
 * Turns an image, which is a value, into verified files on this machine.
 *
 * Disks are kept by their digest, read-only: `images/ALGORITHM-HEX.qcow2`. What is in the cache already is used without a look at the
 * network.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { StoredImage } from "../plan/StoredImage.ts"
import type { Image, ImageSource } from "../spec/Image.ts"
import type { AgentUnit } from "./builder/ImageBuilder.ts"
import { CacheDirectory } from "./CacheDirectory.ts"
import { imageKey } from "./imageKey.ts"
import { ImageError } from "./ImageError.ts"
import { obtainFile } from "./source/fileSource.ts"
import { lookUpPackages, obtainPackages, peekPackages } from "./source/packagesSource.ts"
import { obtainPinned } from "./source/pinnedSource.ts"
import {
  type ImageReport,
  lookUpKey,
  notice,
  peekKey,
  progress,
  type SourceRequest,
  type SourceServices
} from "./source/SourceRequest.ts"

export interface ImageStoreOptions {
  /** The `qemu-img` program. */
  readonly imageTool: string
  /** Goes into images that are built here. */
  readonly agentUnit: AgentUnit
}

export interface ImageStoreShape {
  /**
   * Gives an image's files: from the cache, else from the first of its sources that can be had, with a notice when that is not the
   * first. Wrong bytes are an error, never a reason to try another source. `onReport` is called in order and must not throw.
   */
  readonly materialize: (
    image: Image,
    onReport?: (report: ImageReport) => void
  ) => Effect.Effect<StoredImage, ImageError>
  /** The image where it is in the cache, without getting it and without counting as a use. */
  readonly peek: (image: Image) => Effect.Effect<Option.Option<StoredImage>>
}

/** As errors name it. */
const nameOf = (source: ImageSource): string => {
  switch (source._tag) {
    case "Pinned":
      return "download"
    case "Packages":
      return `build of ${source.recipe} from packages`
    case "File":
      return source.path
    case "Imported":
      return `import of ${source.origin}`
  }
}

const lookUp = (request: SourceRequest, source: ImageSource) => {
  switch (source._tag) {
    case "Pinned":
    case "Imported":
      return lookUpKey(request, imageKey(source.digest))
    case "Packages":
      return lookUpPackages(request, source)
    case "File":
      return Effect.succeedNone
  }
}

const peekSource = (request: SourceRequest, source: ImageSource) => {
  switch (source._tag) {
    case "Pinned":
    case "Imported":
      return peekKey(request, imageKey(source.digest))
    case "Packages":
      return peekPackages(request, source)
    case "File":
      return Effect.succeedNone
  }
}

const obtain = (request: SourceRequest, source: ImageSource) => {
  switch (source._tag) {
    case "Pinned":
      return obtainPinned(request, source)
    case "Packages":
      return obtainPackages(request, source)
    case "File":
      return obtainFile(request, source)
    case "Imported":
      return Effect.fail(
        new ImageError({ reason: { _tag: "ImportGone", image: request.image.id, origin: source.origin } })
      )
  }
}

/** The source is out of reach, so another one may do. All other errors want somebody's attention. */
const isOutOfReach = (error: ImageError): boolean =>
  ["DownloadFailed", "BuildFailed", "BuildToolsMissing", "NoDebianMirror", "UnknownRecipe", "FileMissing"].includes(
    error.reason._tag
  )

/** What was tried in vain, in words that fit into one line. */
const failedAttempt = (source: ImageSource, error: ImageError): string => {
  const { reason } = error
  if (reason._tag === "DownloadFailed") {
    // Mirrors that fail in the same way are one trouble, the network's: the first stands for all.
    const distinct = [
      ...new Map(reason.attempts.toReversed().map(({ url, why }) => [why, `${new URL(url).host}: ${why}`])).values()
    ]
    return `can't be downloaded (${distinct.toReversed().join("; ")})`
  }
  const verb = { Pinned: "be downloaded", Packages: "be built", File: "be read", Imported: "be found" } as const
  return `can't ${verb[source._tag]} (${error.message.split("\n", 1)[0]})`
}

const nextAttempt = (source: ImageSource): string => {
  switch (source._tag) {
    case "Pinned":
      return `downloading it from ${new URL(source.urls[0]).host}`
    case "Packages":
      return "building it from Debian's packages"
    case "File":
      return `using ${source.path}`
    case "Imported":
      return `using what was imported from ${source.origin}`
  }
}

const fromSources = Effect.fnUntraced(function* (
  request: SourceRequest
): Effect.fn.Return<StoredImage, ImageError, SourceServices> {
  const { image } = request
  const failures: Array<{ readonly source: ImageSource; readonly error: ImageError }> = []
  for (const source of image.sources) {
    const last = failures.at(-1)
    if (last !== undefined) {
      notice(request, `${image.id} ${failedAttempt(last.source, last.error)}; ${nextAttempt(source)}`)
    }
    const result = yield* Effect.result(obtain(request, source))
    if (Result.isSuccess(result)) return result.success
    if (!isOutOfReach(result.failure)) return yield* result.failure
    failures.push({ source, error: result.failure })
  }
  const [only, ...others] = failures
  if (only !== undefined && others.length === 0) return yield* only.error
  return yield* new ImageError({
    reason: {
      _tag: "NoSourceLeft",
      image: image.id,
      failures: failures.map(({ source, error }) => ({ source: nameOf(source), why: error.message }))
    }
  })
})

const materialize = Effect.fn("ImageStore.materialize")(function* (
  request: SourceRequest
): Effect.fn.Return<StoredImage, ImageError, SourceServices> {
  for (const source of request.image.sources) {
    const found = yield* Effect.orElseSucceed(lookUp(request, source), Option.none<StoredImage>)
    if (Option.isSome(found)) return found.value
  }
  const stored = yield* fromSources(request)
  progress(request, "ready", "ready")
  return stored
})

const peek = Effect.fn("ImageStore.peek")(function* (
  request: SourceRequest
): Effect.fn.Return<Option.Option<StoredImage>, never, SourceServices> {
  for (const source of request.image.sources) {
    const found = yield* Effect.orElseSucceed(peekSource(request, source), Option.none<StoredImage>)
    if (Option.isSome(found)) return found
  }
  return Option.none()
})

export class ImageStore extends Context.Service<ImageStore, ImageStoreShape>()("@nix-vm-test/core/ImageStore") {
  static readonly layer = (
    options: ImageStoreOptions
  ): Layer.Layer<ImageStore, never, CacheDirectory | SourceServices> =>
    Layer.effect(
      ImageStore,
      Effect.gen(function* () {
        const cache = yield* CacheDirectory
        const services = yield* Effect.context<SourceServices>()
        const requestFor = (image: Image, report: SourceRequest["report"]): SourceRequest => ({
          ...options,
          image,
          cache,
          report
        })
        return ImageStore.of({
          materialize: (image, onReport) =>
            Effect.provide(materialize(requestFor(image, onReport ?? (() => {}))), services),
          peek: (image) => Effect.provide(peek(requestFor(image, () => {})), services)
        })
      })
    )
}
