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
import type { TextMatch, TextMatcher } from "./TextMatcher.ts"

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
  readonly waitForText: <E>(matcher: TextMatcher<E>) => Effect.Effect<TextMatch, GuestError | E>
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

/** A console that nothing was written to yet: waits wait for the first port. */
export const make = (options: ConsoleOptions = {}): Console => {
  const text = new ConsoleText(options.maxCharacters ?? defaultMaxCharacters)
  /** Those who wait for the next change of the text. */
  const listeners = new Set<() => void>()
  let changes = 0
  let ended = false

  const changed = (): void => {
    changes++
    for (const listener of [...listeners]) listener()
  }
  /** Completes at once when the text has changed since. */
  const changeSince = (seen: number): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const listener = (): void => {
        listeners.delete(listener)
        resume(Effect.void)
      }
      if (changes !== seen) return listener()
      listeners.add(listener)
      return Effect.sync(() => void listeners.delete(listener))
    })

  const waitForText = Effect.fnUntraced(function* <E>(matcher: TextMatcher<E>) {
    while (true) {
      const [seen, last] = [changes, ended]
      const found = yield* text.take(matcher)
      if (found !== undefined) return found
      if (last) return yield* guestError({ _tag: "ChannelClosed" })
      yield* changeSince(seen)
    }
  })

  const attach = Effect.fnUntraced(function* (port: AttachOptions) {
    let open = true
    ended = false
    const report = (lines: ReadonlyArray<ConsoleLine>): void => {
      if (port.onLine !== undefined) {
        lines.forEach(port.onLine)
      }
      changed()
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
    waitForText
  }
}
