/** From a Unix socket into a file: how a guest's state gets out of QEMU without a program between. */
import * as fs from "node:fs"
import * as net from "node:net"
import { pipeline } from "node:stream/promises"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export class StateSocketError extends Schema.TaggedError<StateSocketError>()("StateSocketError", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `the state's stream over ${this.path} broke: ${this.detail}`
  }
}

const failed = (path: string) => (error: unknown) =>
  new StateSocketError({ path, detail: error instanceof Error ? error.message : String(error) })

/** Listens on a socket; what the first connection sends until its end is the file. `use` runs while it listens, and is awaited too. */
export const receiveInto = <A, E, R>(
  options: { readonly socket: string; readonly file: string },
  use: Effect.Effect<A, E, R>
): Effect.Effect<A, E | StateSocketError, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { server, received } = yield* Effect.acquireRelease(
        Effect.callback<{ readonly server: net.Server; readonly received: Promise<void> }, StateSocketError>(
          (resume) => {
            const listening = net.createServer()
            const done = new Promise<void>((resolve, reject) => {
              listening.once("connection", (socket) => {
                pipeline(socket, fs.createWriteStream(options.file)).then(resolve, reject)
              })
            })
            // Awaited later, if at all: until then a failure must not count as unhandled.
            done.catch(() => {})
            listening.once("error", (error) => resume(Effect.fail(failed(options.socket)(error))))
            listening.listen(options.socket, () => resume(Effect.succeed({ server: listening, received: done })))
          }
        ),
        ({ server: listening }) => Effect.sync(() => listening.close())
      )
      const result = yield* use
      yield* Effect.tryPromise({ try: () => received, catch: failed(options.socket) })
      server.close()
      return result
    })
  )
