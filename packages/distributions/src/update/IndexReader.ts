/** Reads publishers' indexes: each address once in a run, and not more than an index can be. */
import { transportFailure } from "@nix-vm-test/core/store/transportFailure"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { UpdateError } from "./UpdateError.ts"

/** Who may answer: the host that was asked alone, or also one that it leads to, where a signature or a fingerprint proves the content. */
export type Answering = "host" | "anyone"

export interface IndexReaderShape {
  /** The file's bytes; none where there is no such file. `answering` is `host` by default. */
  readonly read: (url: string, answering?: Answering) => Effect.Effect<Option.Option<Uint8Array>, UpdateError>
}

export class IndexReader extends Context.Service<IndexReader, IndexReaderShape>()(
  "@nix-vm-test/distributions/IndexReader"
) {
  static readonly layer = Layer.effect(
    IndexReader,
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const answers = new Map<string, Effect.Effect<Option.Option<Uint8Array>, UpdateError>>()
      const read = Effect.fnUntraced(function* (url: string, answering: Answering = "host") {
        const question = `${answering} ${url}`
        const known = answers.get(question)
        if (known !== undefined) return yield* known
        const answer = yield* Effect.cached(
          Effect.provideService(readOnce(url, answering), HttpClient.HttpClient, client)
        )
        answers.set(question, answer)
        return yield* answer
      })
      return { read }
    })
  )
}

/** Ubuntu's document of all builds is the largest index, of some ten MiB. */
const largestBytes = 128 * 1024 * 1024

const timeout = "2 minutes"

const mostRedirects = 5

/** A failure that may be over when it is tried again. */
interface Passing {
  readonly error: UpdateError
  readonly transient: boolean
}

const unreachable = (url: string, why: string): UpdateError =>
  new UpdateError({ reason: { _tag: "Unreachable", url, why } })

const failing = (error: UpdateError, transient = false) => Effect.fail<Passing>({ error, transient })

/** Codes of servers for a file that is not there, or no longer. Amazon's answers 403 then. */
const absent = new Set([403, 404, 410])

const attempt = Effect.fnUntraced(
  function* (asked: string, answering: Answering) {
    const client = yield* HttpClient.HttpClient
    let url = asked
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      const response = yield* client
        .execute(HttpClientRequest.get(url))
        .pipe(Effect.catch((error) => failing(unreachable(url, transportFailure(error)), true)))
      const { status, headers } = response
      if (status >= 300 && status < 400) {
        const to = URL.parse(headers["location"] ?? "", url)
        const { host, protocol } = new URL(url)
        if (to === null || to.protocol !== protocol || (to.host !== host && answering === "host")) {
          return yield* failing(
            new UpdateError({ reason: { _tag: "Redirected", url, to: to?.href ?? "an address that is none" } })
          )
        }
        url = to.href
        continue
      }
      if (absent.has(status)) return Option.none<Uint8Array>()
      if (status !== 200)
        return yield* failing(unreachable(url, `HTTP status ${status}`), status === 429 || status >= 500)
      const chunks: Array<Uint8Array> = []
      let bytes = 0
      yield* response.stream.pipe(
        Stream.catch((error) =>
          Stream.fail<Passing>({ error: unreachable(url, transportFailure(error)), transient: true })
        ),
        Stream.runForEach((chunk) => {
          chunks.push(chunk)
          bytes += chunk.length
          return bytes > largestBytes
            ? failing(unreachable(url, `it has more than ${largestBytes} bytes`))
            : Effect.void
        })
      )
      const whole: Uint8Array = Buffer.concat(chunks)
      return Option.some(whole)
    }
    return yield* failing(unreachable(asked, `it leads from one address to the next, ${mostRedirects} times`))
  },
  Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" })
)

const readOnce = (
  url: string,
  answering: Answering
): Effect.Effect<Option.Option<Uint8Array>, UpdateError, HttpClient.HttpClient> =>
  attempt(url, answering).pipe(
    Effect.timeoutOrElse({ duration: timeout, orElse: () => failing(unreachable(url, `no answer for ${timeout}`)) }),
    Effect.retry({ schedule: Schedule.exponential("500 millis"), times: 2, while: ({ transient }) => transient }),
    Effect.mapError(({ error }) => error)
  )
