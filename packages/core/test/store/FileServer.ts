/** An HTTP server on the loopback that gives one file, and misbehaves on demand. */
import * as http from "node:http"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** What the server does with one request; the rest of the file begins at `from`. */
export type Behaviour = (exchange: {
  readonly content: Uint8Array
  readonly from: number
  readonly request: http.IncomingMessage
  readonly response: http.ServerResponse
}) => void

export interface FileServer {
  readonly url: (path: string) => string
  /** One line for each request so far: its path, and its range where it has one. */
  readonly requests: ReadonlyArray<string>
}

const headersFor = (content: Uint8Array, from: number) => ({
  "content-length": content.length - from,
  ...(from === 0 ? {} : { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` })
})

/** Gives what was asked for. */
export const serveWell: Behaviour = ({ content, from, response }) => {
  if (from >= content.length && from > 0) {
    response.writeHead(416).end()
    return
  }
  response.writeHead(from === 0 ? 200 : 206, headersFor(content, from)).end(content.subarray(from))
}

/** Gives the whole file whatever was asked for. */
export const ignoreRange: Behaviour = ({ content, response }) => {
  response.writeHead(200, headersFor(content, 0)).end(content)
}

/** Announces all of it, gives some, and cuts the connection. */
export const cutAfter =
  (bytes: number): Behaviour =>
  ({ content, from, response }) => {
    response.writeHead(from === 0 ? 200 : 206, headersFor(content, from))
    response.write(content.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 20))
  }

/** Gives some and then nothing more, without an end. */
export const stallAfter =
  (bytes: number): Behaviour =>
  ({ content, from, response }) => {
    response.writeHead(from === 0 ? 200 : 206, headersFor(content, from))
    response.write(content.subarray(from, from + bytes))
  }

/** Gives as many bytes, but others. */
export const serveWrongBytes: Behaviour = ({ content, from, response, request }) =>
  serveWell({ content: content.map((byte) => byte ^ 0xff), from, response, request })

export const answer =
  (status: number, headers: http.OutgoingHttpHeaders = {}): Behaviour =>
  ({ response }) => {
    response.writeHead(status, headers).end()
  }

/** Each request to a path takes the next behaviour of its list; the last one stays. */
export const fileServer = Effect.fnUntraced(function* (options: {
  readonly content: Uint8Array
  readonly paths: Readonly<Record<string, ReadonlyArray<Behaviour>>>
}): Effect.fn.Return<FileServer, never, Scope.Scope> {
  const requests: Array<string> = []
  const seen = new Map<string, number>()
  const server = http.createServer((request, response) => {
    const path = request.url ?? "/"
    const range = /^bytes=(\d+)-$/u.exec(request.headers.range ?? "")?.[1]
    requests.push(range === undefined ? path : `${path} from ${range}`)
    const count = seen.get(path) ?? 0
    seen.set(path, count + 1)
    const behaviours = options.paths[path] ?? [answer(404)]
    const behave = behaviours[Math.min(count, behaviours.length - 1)] ?? answer(500)
    behave({ content: options.content, from: Number(range ?? 0), request, response })
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          typeof address === "object" && address !== null
            ? Effect.succeed(address.port)
            : Effect.die(new Error("no port"))
        )
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  )
  return { url: (path) => `http://127.0.0.1:${port}${path}`, requests }
})
