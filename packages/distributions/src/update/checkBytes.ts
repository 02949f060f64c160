/** The other side of a checksum: whether the file that is announced is the one that is given. */
import { createHash } from "node:crypto"
import { transportFailure } from "@nix-vm-test/core/store/transportFailure"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"
import type { Offer } from "./Offer.ts"
import { UpdateError } from "./UpdateError.ts"

const stallTimeout = Duration.seconds(60)

export interface CheckProgress {
  readonly url: string
  readonly doneBytes: number
  /** Absent before the end where the server does not say. */
  readonly totalBytes?: number | undefined
}

export interface CheckBytesOptions {
  readonly offer: Offer
  /** Called for every chunk. */
  readonly onProgress?: ((progress: CheckProgress) => void) | undefined
}

/**
 * Downloads the offered file without keeping it, and gives its size. The body may come from a mirror: the digest decides. One that is cut off is
 * another file, too.
 */
export const checkBytes = Effect.fn("update.checkBytes")(function* ({ offer, onProgress }: CheckBytesOptions) {
  const {
    urls: [url],
    digest,
    size
  } = offer
  const unreachable = (why: string) => new UpdateError({ reason: { _tag: "Unreachable", url, why } })
  const stall = { duration: stallTimeout, orElse: () => Effect.fail(unreachable("no byte came for a minute")) }
  const client = yield* HttpClient.HttpClient
  const request = HttpClientRequest.setHeaders(HttpClientRequest.get(url), { "accept-encoding": "identity" })
  const response = yield* client.execute(request).pipe(
    Effect.mapError((error) => unreachable(transportFailure(error))),
    Effect.timeoutOrElse(stall)
  )
  if (response.status !== 200) return yield* unreachable(`HTTP status ${response.status}`)
  const length = Number(response.headers["content-length"] ?? "NaN")
  const totalBytes = Number.isFinite(length) ? length : undefined
  const hash = createHash(digest.algorithm)
  let bytes = 0
  yield* response.stream.pipe(
    Stream.mapError((error) => unreachable(transportFailure(error))),
    Stream.timeoutOrElse({ ...stall, orElse: () => Stream.fail(unreachable("no byte came for a minute")) }),
    Stream.runForEach((chunk) =>
      Effect.sync(() => {
        hash.update(chunk)
        bytes += chunk.length
        onProgress?.({ url, doneBytes: bytes, totalBytes })
      })
    )
  )
  if (totalBytes === undefined) onProgress?.({ url, doneBytes: bytes, totalBytes: bytes })
  const differ = (announced: string, received: string) =>
    new UpdateError({ reason: { _tag: "BytesDiffer", url, announced, received } })
  const hex = hash.digest("hex")
  if (hex !== digest.hex) {
    return yield* differ(`${digest.algorithm}:${digest.hex}`, `${bytes} bytes with ${digest.algorithm}:${hex}`)
  }
  if (size !== undefined && size !== bytes) return yield* differ(`${size} bytes`, `${bytes} bytes`)
  return bytes
})
