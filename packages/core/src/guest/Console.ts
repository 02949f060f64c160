/**
 * The guest's serial console, read from its first byte: evidence and something to wait for, never a transport.
 *
 * It outlives the serial port: a machine that is stopped and started again goes on in the same text.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type UnixSocketError, UnixSockets } from "../host/UnixSocket.ts"
import { type ConsoleLine, ConsoleText } from "./ConsoleText.ts"
import { type GuestError, guestError } from "./GuestError.ts"

export interface Console {
  /** Everything so far, lines joined by newlines, as the guest wrote it but without carriage returns; the line being written is the last. */
  readonly text: () => string
  /** The last lines, the one being written included. */
  readonly tail: (count: number) => ReadonlyArray<string>
  /** Complete lines with the host's time of their arrival. */
  readonly lines: () => ReadonlyArray<ConsoleLine>
  /**
   * Completes when the text that no earlier wait has matched contains a match, and consumes up to the match's end. Control sequences do
   * not count; lines are joined by newlines and, in a second try, by nothing, so that a text which a terminal wrapped is found as well.
   *
   * Waits without a limit; fails with `ChannelClosed` when the port has ended without a match.
   */
  readonly waitForText: (pattern: RegExp) => Effect.Effect<RegExpMatchArray, GuestError>
  /** Reads a serial port until it ends or the Scope closes; one port at a time. What was read stays readable. */
  readonly attach: (options: AttachOptions) => Effect.Effect<ConsolePort, UnixSocketError, UnixSockets | Scope.Scope>
}

/** The serial port that the console reads now. */
export interface ConsolePort {
  /** Types on the console. */
  readonly send: (bytes: Uint8Array) => Effect.Effect<void, UnixSocketError>
}

export interface AttachOptions {
  /** QEMU's Unix socket for the serial port. */
  readonly path: string
  /** How long to go on trying while QEMU does not listen yet, milliseconds. Default 5000. */
  readonly connectTimeoutMs?: number | undefined
  /** Hears each complete line, and at the end what stands in the last one; must not throw. */
  readonly onLine?: ((line: ConsoleLine) => void) | undefined
}

export interface ConsoleOptions {
  /** How much text to keep in memory; older lines are dropped. Default 64 Mi characters. */
  readonly maxCharacters?: number | undefined
}

const defaultMaxCharacters = 64 * 1024 * 1024

interface Wait {
  readonly pattern: RegExp
  readonly resume: (outcome: Effect.Effect<RegExpMatchArray, GuestError>) => void
}

/** A console that nothing was written to yet: waits wait for the first port. */
export const make = (options: ConsoleOptions = {}): Console => {
  const text = new ConsoleText(options.maxCharacters ?? defaultMaxCharacters)
  let waits: ReadonlyArray<Wait> = []
  let ended = false

  const serveWaits = (): void => {
    for (const wait of waits) {
      // The wait before may have ended the fibre of this one.
      const match = waits.includes(wait) ? text.match(wait.pattern) : undefined
      if (match !== undefined || ended) {
        waits = waits.filter((other) => other !== wait)
        wait.resume(match === undefined ? Effect.fail(guestError({ _tag: "ChannelClosed" })) : Effect.succeed(match))
      }
    }
  }

  const attach = Effect.fnUntraced(function* (port: AttachOptions) {
    let open = true
    ended = false
    const report = (lines: ReadonlyArray<ConsoleLine>): void => {
      if (port.onLine !== undefined) {
        lines.forEach(port.onLine)
      }
      serveWaits()
    }
    const end = (): void => {
      if (open) {
        open = false
        ended = true
        report(text.finish())
      }
    }
    const sockets = yield* UnixSockets
    yield* Effect.addFinalizer(() => Effect.sync(end))
    const connection = yield* sockets.connect({
      path: port.path,
      retryForMs: port.connectTimeoutMs ?? 5000,
      onData: (chunk) => report(text.push(chunk)),
      onClose: end
    })
    const attached: ConsolePort = { send: connection.write }
    return attached
  })

  return {
    text: () => text.text(),
    tail: (count) => text.tail(count),
    lines: () => text.lines(),
    attach,
    waitForText: (pattern) =>
      Effect.callback((resume) => {
        const wait: Wait = { pattern, resume }
        waits = [...waits, wait]
        serveWaits()
        return Effect.sync(() => {
          waits = waits.filter((other) => other !== wait)
        })
      })
  }
}
