/**
 * Client side of Unix stream sockets, as QMP, the guest channel and the console need it: raw bytes by callback, writes with
 * backpressure, closing by Scope. The one place in core that knows `node:net`.
 */
import * as net from "node:net"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

export class UnixSocketError extends Schema.TaggedError<UnixSocketError>()("UnixSocketError", {
  path: Schema.String,
  operation: Schema.Literals(["connect", "write"]),
  /** The operating system's code, such as `ECONNREFUSED`. */
  code: Schema.String
}) {
  override get message(): string {
    return `Unix socket ${this.path}: ${this.operation} failed (${this.code})`
  }
}

export interface UnixSocketOptions {
  readonly path: string
  /** Called for every chunk, in order, on Node's own read; must not throw. */
  readonly onData: (chunk: Uint8Array) => void
  /** Called once when the other end closed or the connection broke; not after our own close. */
  readonly onClose?: (() => void) | undefined
  /** How long to go on trying while nobody listens yet, milliseconds. Default 0: one try. */
  readonly retryForMs?: number | undefined
}

export interface UnixConnection {
  /** Completes when the kernel or Node's buffer below its high-water mark has the bytes; fails once the connection is gone. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, UnixSocketError>
  /** Fire and forget; false when the buffer is above the high-water mark. Bytes after a close are dropped. */
  readonly send: (bytes: Uint8Array) => boolean
  readonly pause: () => void
  readonly resume: () => void
}

export interface UnixSocketsShape {
  readonly connect: (options: UnixSocketOptions) => Effect.Effect<UnixConnection, UnixSocketError, Scope.Scope>
}

export class UnixSockets extends Context.Service<UnixSockets, UnixSocketsShape>()("@nix-vm-test/core/UnixSockets") {
  static readonly layer = Layer.succeed(UnixSockets, { connect: (options) => connectWithRetry(options) })
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "UNKNOWN"

const dial = (options: UnixSocketOptions): Effect.Effect<net.Socket, UnixSocketError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<net.Socket, UnixSocketError>((resume) => {
      const socket = net.createConnection({ path: options.path })
      socket.once("error", (error) => {
        resume(Effect.fail(new UnixSocketError({ path: options.path, operation: "connect", code: codeOf(error) })))
      })
      socket.once("connect", () => resume(Effect.succeed(socket)))
      return Effect.sync(() => socket.destroy())
    }),
    (socket) =>
      Effect.sync(() => {
        socket.removeAllListeners("close")
        socket.destroy()
      }),
    { interruptible: true }
  )

const connectOnce = Effect.fnUntraced(function* (options: UnixSocketOptions) {
  const socket = yield* dial(options)
  let closed = false
  socket.on("data", options.onData)
  // Without a listener an 'error' after the connect would end the process; 'close' always follows it.
  socket.on("error", () => {})
  socket.on("close", () => {
    closed = true
    options.onClose?.()
  })
  const gone = () => new UnixSocketError({ path: options.path, operation: "write", code: "EPIPE" })
  const connection: UnixConnection = {
    send: (bytes) => !closed && socket.write(bytes),
    write: (bytes) =>
      Effect.callback<void, UnixSocketError>((resume) => {
        if (closed) {
          resume(Effect.fail(gone()))
          return
        }
        if (socket.write(bytes)) {
          resume(Effect.void)
          return
        }
        const settle = (exit: Effect.Effect<void, UnixSocketError>) => () => {
          socket.off("drain", onDrain)
          socket.off("close", onClose)
          resume(exit)
        }
        const onDrain = settle(Effect.void)
        const onClose = settle(Effect.fail(gone()))
        socket.once("drain", onDrain)
        socket.once("close", onClose)
      }),
    pause: () => void socket.pause(),
    resume: () => void socket.resume()
  }
  return connection
})

const connectWithRetry = (options: UnixSocketOptions): Effect.Effect<UnixConnection, UnixSocketError, Scope.Scope> => {
  const waitMs = options.retryForMs ?? 0
  return waitMs === 0
    ? connectOnce(options)
    : connectOnce(options).pipe(
        Effect.retry({
          schedule: Schedule.spaced("5 millis").pipe(Schedule.upTo({ duration: `${waitMs} millis` })),
          while: (error) => error.operation === "connect"
        })
      )
}
