/**
 * A client of QEMU's monitor protocol: commands matched to their replies by id, events delivered in order, all of it
 * bounded and failing at once when QEMU goes away.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as UnixSocket from "../host/UnixSocket.ts"
import { jsonLines } from "./JsonLines.ts"
import { QemuError } from "./QemuError.ts"
import { type QmpEvent, QmpMessage, QmpStatus, type QmpVersion } from "./QmpMessage.ts"

/** Arguments of a command, as QMP's own documentation names them. */
export type QmpArguments = Readonly<Record<string, unknown>>

export interface QmpOptions {
  /** The Unix socket that QEMU serves (`-qmp unix:PATH,server=on,wait=off`). */
  readonly path: string
  /** Milliseconds to go on trying while nobody listens yet. Default 0: one try. */
  readonly retryForMs?: number | undefined
  /** Milliseconds for the greeting, once connected. Default 30 000: a busy host starts QEMU's main loop late. */
  readonly greetingWithinMs?: number | undefined
  /** Called for every event from the first one on, in order, before any subscriber sees it; must not throw. */
  readonly onEvent?: ((event: QmpEvent) => void) | undefined
}

export interface Qmp {
  /** QEMU's version, from the greeting. */
  readonly version: QmpVersion
  /** Runs a command and returns its decoded JSON reply. Commands may overlap. */
  readonly execute: (command: string, args?: QmpArguments) => Effect.Effect<unknown, QemuError>
  /** Events from this call on; ends when the connection closes. */
  readonly subscribe: Effect.Effect<Stream.Stream<QmpEvent>, never, Scope.Scope>
  /** Completes, with the reason, when the connection is gone. */
  readonly closed: Effect.Effect<string>
}

/** The longest reply seen is `query-qmp-schema` with 0.25 MB (QEMU 7.2); more than this is no QEMU. */
const longestLine = 16 * 1024 * 1024

const decodeMessage = Schema.decodeUnknownOption(QmpMessage)

type Settle = (outcome: Effect.Effect<unknown, QemuError>) => void

/** A command that waits for its reply. */
interface Pending {
  readonly command: string
  readonly settle: Settle
}

/** The state of one connection, changed by the socket's callbacks only. */
class Session {
  readonly #options: QmpOptions
  readonly #pending = new Map<number, Pending>()
  readonly #greeting = Deferred.makeUnsafe<QmpVersion, QemuError>()
  readonly #closed = Deferred.makeUnsafe<string>()
  /** Its last message, undefined, says that no event will follow. */
  readonly #hub: PubSub.PubSub<QmpEvent | undefined>
  #closedDetail: string | undefined
  #lastId = 0

  constructor(options: QmpOptions, hub: PubSub.PubSub<QmpEvent | undefined>) {
    this.#options = options
    this.#hub = hub
  }

  readonly greeting = Effect.suspend(() => Deferred.await(this.#greeting))
  readonly closed = Effect.suspend(() => Deferred.await(this.#closed))
  readonly subscribe = Effect.suspend(() =>
    Effect.map(PubSub.subscribe(this.#hub), (subscription) =>
      Stream.takeWhile(Stream.fromSubscription(subscription), (event): event is QmpEvent => event !== undefined)
    )
  )

  readonly read = jsonLines({
    longestLine,
    onValue: (value) => {
      const message = decodeMessage(value)
      if (Option.isSome(message)) this.#receive(message.value)
      else this.close(`it sent a message of no known form: ${JSON.stringify(value).slice(0, 200)}`)
    },
    onError: (detail) => this.close(`it sent ${detail}`)
  })

  #receive(message: QmpMessage): void {
    if ("QMP" in message) {
      Deferred.doneUnsafe(this.#greeting, Effect.succeed(message.QMP.version))
    } else if ("return" in message) {
      this.#take(message.id)?.settle(Effect.succeed(message.return))
    } else if ("error" in message) {
      const pending = message.id === undefined ? undefined : this.#take(message.id)
      pending?.settle(
        Effect.fail(new QemuError({ reason: { _tag: "QmpFailed", command: pending.command, ...message.error } }))
      )
    } else {
      this.#options.onEvent?.(message)
      PubSub.publishUnsafe(this.#hub, message)
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    return pending
  }

  /** Ends the session for everybody who waits; the first reason counts. */
  close(detail: string): void {
    if (this.#closedDetail !== undefined) return
    this.#closedDetail = detail
    const gone = Effect.fail(this.#gone(detail))
    Deferred.doneUnsafe(this.#greeting, gone)
    for (const { settle } of this.#pending.values()) settle(gone)
    this.#pending.clear()
    PubSub.endUnsafe(this.#hub, undefined)
    Deferred.doneUnsafe(this.#closed, Effect.succeed(detail))
  }

  #gone(detail: string): QemuError {
    return new QemuError({ reason: { _tag: "QmpClosed", path: this.#options.path, detail } })
  }

  execute(
    connection: UnixSocket.UnixConnection,
    command: string,
    args: QmpArguments | undefined
  ): Effect.Effect<unknown, QemuError> {
    return Effect.callback<unknown, QemuError>((settle) => {
      if (this.#closedDetail !== undefined) {
        settle(Effect.fail(this.#gone(this.#closedDetail)))
        return
      }
      const id = ++this.#lastId
      this.#pending.set(id, { command, settle })
      connection.send(Buffer.from(`${JSON.stringify({ execute: command, arguments: args, id })}\n`))
      return Effect.sync(() => void this.#pending.delete(id))
    })
  }
}

const connectFailure = (error: UnixSocket.UnixSocketError): QemuError =>
  new QemuError({ reason: { _tag: "QmpClosed", path: error.path, detail: error.message } })

/** Connects, waits for the greeting and leaves the negotiation mode. The connection closes with the Scope. */
export const connectQmp = Effect.fn("Qmp.connect")(function* (
  options: QmpOptions
): Effect.fn.Return<Qmp, QemuError, UnixSocket.UnixSockets | Scope.Scope> {
  const sockets = yield* UnixSocket.UnixSockets
  const session = new Session(options, yield* PubSub.unbounded<QmpEvent | undefined>())
  // The socket does not report our own close.
  yield* Effect.addFinalizer(() => Effect.sync(() => session.close("the driver closed it")))
  const connection = yield* sockets
    .connect({
      path: options.path,
      retryForMs: options.retryForMs,
      onData: session.read,
      onClose: () => session.close("QEMU closed it")
    })
    .pipe(Effect.mapError(connectFailure))
  const withinMs = options.greetingWithinMs ?? 30_000
  const version = yield* Effect.timeoutOrElse(session.greeting, {
    duration: withinMs,
    orElse: () =>
      Effect.fail(
        new QemuError({
          reason: { _tag: "QmpClosed", path: options.path, detail: `no greeting within ${withinMs / 1000} s` }
        })
      )
  })
  const execute = (command: string, args?: QmpArguments) => session.execute(connection, command, args)
  yield* execute("qmp_capabilities")
  return { version, execute, closed: session.closed, subscribe: session.subscribe }
})

export interface QmpQueryOptions<A> {
  readonly command: string
  readonly arguments?: QmpArguments | undefined
  /** The part of the reply that the caller reads; more in it is ignored. */
  readonly reply: Schema.ConstraintDecoder<A>
}

/** Runs a command and decodes its reply; one of another form fails as `QmpFailed` of class `Undecodable`. */
export const queryQmp = Effect.fn("Qmp.query")(function* <A>(
  qmp: Qmp,
  options: QmpQueryOptions<A>
): Effect.fn.Return<A, QemuError> {
  const reply = yield* qmp.execute(options.command, options.arguments)
  return yield* Effect.mapError(
    Schema.decodeUnknownEffect(options.reply)(reply),
    (error) =>
      new QemuError({
        reason: { _tag: "QmpFailed", command: options.command, class: "Undecodable", desc: error.message }
      })
  )
})

/** Whether the guest runs, and why not. */
export const queryStatus = (qmp: Qmp): Effect.Effect<QmpStatus, QemuError> =>
  queryQmp(qmp, { command: "query-status", reply: QmpStatus })
