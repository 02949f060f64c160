/**
 * Gets one file of a known digest from the first of several places that has it.
 *
 * What arrived is kept beside the target, so that a cut connection, another mirror or a later run goes on where it stopped. Nothing
 * reads the bytes before their digest was found right: only then the file gets its name.
 */
import { createHash, type Hash } from "node:crypto"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Digest } from "../spec/Image.ts"
import { hostRefusal } from "./hostRefusal.ts"
import { ImageError } from "./ImageError.ts"
import { transportFailure } from "./transportFailure.ts"

export interface DownloadProgress {
  readonly url: string
  readonly doneBytes: number
  /** Absent while the server did not say. */
  readonly totalBytes?: number | undefined
}

export interface DownloadOptions {
  /** Tried in their order; all give the same bytes. */
  readonly urls: ReadonlyArray<string>
  readonly digest: Digest
  /** Where the verified file goes: read-only, whole or not at all. Its folder must exist; one process at a time. */
  readonly target: string
  /** Milliseconds without a byte, or without an answer, until a server counts as dead. Default 30 000. */
  readonly stallTimeoutMs?: number | undefined
  /** Called for every chunk. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

const defaultStallTimeoutMs = 30_000

/** How often one server may cut the connection without having sent anything new. */
const fruitlessAttempts = 3

/** A server gave less than the whole file; what it gave is kept. */
class Interruption extends Schema.TaggedError<Interruption>()("Interruption", {
  why: Schema.String,
  /** Another try at the same server may help. */
  transient: Schema.Boolean
}) {
  override get message(): string {
    return this.why
  }
}

/** The bytes so far: their count, the running digest over them, and how many answers of this run gave some. */
interface Received {
  bytes: number
  hash: Hash
  pieces: number
}

interface Transfer extends DownloadOptions {
  readonly url: string
  readonly partial: string
  readonly received: Received
}

const start = (digest: Digest): Received => ({ bytes: 0, hash: createHash(digest.algorithm), pieces: 0 })

/** Takes up what an earlier run left. */
const takeUp = Effect.fnUntraced(function* (partial: string, digest: Digest) {
  const fs = yield* FileSystem.FileSystem
  const received = start(digest)
  if (!(yield* fs.exists(partial))) return received
  yield* Stream.runForEach(fs.stream(partial, { chunkSize: 1024 * 1024 }), (chunk) =>
    Effect.sync(() => {
      received.hash.update(chunk)
      received.bytes += chunk.length
    })
  )
  return received
})

/** First byte and length of the whole file out of `bytes 100-199/200`. */
const parseContentRange = (
  header: string | undefined
): { readonly first: number; readonly total: number } | undefined => {
  const match = /^bytes (\d+)-\d+\/(\d+)$/u.exec(header ?? "")
  return match === null ? undefined : { first: Number(match[1]), total: Number(match[2]) }
}

/** Where the body's bytes belong, and how long the whole file is. Fails when the answer is no part of the file. */
const placeBody = Effect.fnUntraced(function* (response: HttpClientResponse, from: number) {
  const length = Number(response.headers["content-length"] ?? "NaN")
  if (response.status === 206) {
    const range = parseContentRange(response.headers["content-range"])
    if (range !== undefined && range.first === from) return { first: from, total: Option.some(range.total) }
    return yield* new Interruption({
      why: "the server answered with another range than was asked for",
      transient: false
    })
  }
  if (response.status === 200) return { first: 0, total: Number.isFinite(length) ? Option.some(length) : Option.none() }
  const transient = response.status === 408 || response.status === 429 || response.status >= 500
  return yield* new Interruption({ why: `HTTP status ${response.status}`, transient })
})

const restart = (transfer: Transfer) => {
  Object.assign(transfer.received, start(transfer.digest))
}

/** One request: appends to what is there, or begins again where the server can't give a part. */
const attempt = Effect.fnUntraced(function* (transfer: Transfer) {
  const { received, url, partial } = transfer
  const stallTimeoutMs = transfer.stallTimeoutMs ?? defaultStallTimeoutMs
  const stall = { duration: Duration.millis(stallTimeoutMs) }
  const stalled = () => new Interruption({ why: `no byte came for ${stallTimeoutMs / 1000} s`, transient: true })
  const fs = yield* FileSystem.FileSystem
  const client = yield* HttpClient.HttpClient
  const range = received.bytes === 0 ? {} : { range: `bytes=${received.bytes}-` }
  const response = yield* client
    .execute(HttpClientRequest.setHeaders(HttpClientRequest.get(url), { "accept-encoding": "identity", ...range }))
    .pipe(
      Effect.mapError((error) => new Interruption({ why: transportFailure(error), transient: false })),
      Effect.timeoutOrElse({ ...stall, orElse: () => Effect.fail(stalled()) })
    )
  // "Range not satisfiable": what is here is already as long as the file, or longer. The digest tells which.
  if (response.status === 416) return
  const body = yield* placeBody(response, received.bytes)
  if (body.first === 0) restart(transfer)
  const totalBytes = Option.getOrUndefined(body.total)
  const neededBytes = totalBytes === undefined ? undefined : totalBytes - received.bytes
  const refused = Effect.mapError(hostRefusal({ operation: "write", path: partial, neededBytes }))
  received.pieces++
  const file = yield* refused(fs.open(partial, { flag: body.first === 0 ? "w" : "a" }))
  yield* response.stream.pipe(
    Stream.mapError((error) => new Interruption({ why: transportFailure(error), transient: true })),
    Stream.timeoutOrElse({ ...stall, orElse: () => Stream.fail(stalled()) }),
    Stream.runForEach((chunk) =>
      Effect.map(refused(file.writeAll(chunk)), () => {
        received.hash.update(chunk)
        received.bytes += chunk.length
        transfer.onProgress?.({ url, doneBytes: received.bytes, totalBytes })
      })
    )
  )
  yield* refused(file.sync)
  if (totalBytes !== undefined && received.bytes < totalBytes) {
    return yield* new Interruption({ why: `it ended after ${received.bytes} of ${totalBytes} bytes`, transient: true })
  }
}, Effect.scoped)

/** Requests until the file is whole. A server that sends something each time may go on; one that does not is given up. */
const transferWhole = Effect.fnUntraced(function* (transfer: Transfer) {
  let fruitless = 0
  for (;;) {
    const before = transfer.received.bytes
    const result = yield* attempt(transfer).pipe(
      Effect.as(Option.none<Interruption>()),
      Effect.catchTag("Interruption", (interruption) => Effect.succeedSome(interruption))
    )
    if (Option.isNone(result)) return
    fruitless = transfer.received.bytes > before ? 0 : fruitless + 1
    if (!result.value.transient || fruitless >= fruitlessAttempts) return yield* result.value
    yield* Effect.sleep(Duration.millis(200 * 2 ** fruitless))
  }
})

/** Gives the verified file its name, or keeps the wrong one for inspection. */
const settle = Effect.fnUntraced(function* (transfer: Transfer) {
  const { digest, partial, target } = transfer
  const fs = yield* FileSystem.FileSystem
  const actual = transfer.received.hash.digest("hex")
  const refused = Effect.mapError(hostRefusal({ operation: "write", path: target }))
  if (actual === digest.hex) {
    yield* refused(Effect.andThen(fs.chmod(partial, 0o444), fs.rename(partial, target)))
    return
  }
  const keptAt = `${target}.rejected`
  yield* refused(fs.rename(partial, keptAt))
  return yield* new ImageError({
    reason: {
      _tag: "DigestMismatch",
      url: transfer.url,
      expected: `${digest.algorithm}:${digest.hex}`,
      actual: `${digest.algorithm}:${actual}`,
      keptAt
    }
  })
})

/**
 * One place: the whole file with the right digest, or why not. Pieces that are wrong together are fetched once more as one: the file may have
 * changed between them.
 */
const fromUrl = Effect.fnUntraced(function* (options: DownloadOptions, url: string) {
  const partial = `${options.target}.partial`
  const received = yield* Effect.mapError(
    takeUp(partial, options.digest),
    hostRefusal({ operation: "read", path: partial })
  )
  const transfer: Transfer = { ...options, url, partial, received }
  const hasLeftovers = received.bytes > 0
  yield* transferWhole(transfer)
  const isPatchwork = hasLeftovers || received.pieces > 1
  yield* settle(transfer).pipe(
    Effect.catchIf(
      (error) => isPatchwork && error.reason._tag === "DigestMismatch",
      () => {
        restart(transfer)
        return Effect.andThen(transferWhole(transfer), settle(transfer))
      }
    )
  )
})

/**
 * Downloads and verifies one file. Fails as `DownloadFailed` with every URL's reason, as `DigestMismatch` (the bytes stay at
 * `TARGET.rejected`) when the last URL that gave a whole file gave a wrong one, as `NoSpace` or `ReadOnlyCache`.
 */
export const download = Effect.fn("Download.download")(function* (
  options: DownloadOptions
): Effect.fn.Return<void, ImageError, FileSystem.FileSystem | HttpClient.HttpClient> {
  const attempts: Array<{ readonly url: string; readonly why: string }> = []
  let mismatch: ImageError | undefined
  for (const url of options.urls) {
    const failure = yield* fromUrl(options, url).pipe(Effect.as(undefined), Effect.catch(Effect.succeed))
    if (failure === undefined) return
    if (failure._tag === "ImageError") {
      if (failure.reason._tag !== "DigestMismatch") return yield* failure
      mismatch = failure
    }
    attempts.push({ url, why: failure.message })
  }
  // A wrong file weighs more than an unreachable mirror: somebody should look at it.
  return yield* mismatch ?? new ImageError({ reason: { _tag: "DownloadFailed", attempts } })
})
