/** The terminal that a person sits at, as the far end of a guest's pseudo-terminal: keys go in raw, sizes are followed. */
import { execFileSync } from "node:child_process"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

export interface LocalTerminal {
  readonly size: () => TerminalSize
  /** Each new size. */
  readonly resizes: Stream.Stream<TerminalSize>
  /** Bytes as they are typed; Ctrl-C is one of them. Ends when the terminal is gone. */
  readonly keys: Stream.Stream<Uint8Array>
  /** Undoes what full-screen programs set, for one that was cut off: other screen, hidden cursor, colours, mouse, pasting. */
  readonly reset: Effect.Effect<void>
}

const resetSequence = "\u001b[?1047l\u001b[!p\u001b[?1000;1002;1003;1006;2004l\r\n"

/** True when a person can type and see. */
export const isAtTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY

const keys: Stream.Stream<Uint8Array> = Stream.callback((queue) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const onData = (bytes: Buffer): void => void Queue.offerUnsafe(queue, bytes)
      const onEnd = (): void => void Queue.endUnsafe(queue)
      // A stream that was paused before does not flow again by itself.
      process.stdin.on("data", onData).on("end", onEnd).on("error", onEnd).resume()
      return { onData, onEnd }
    }),
    ({ onData, onEnd }) =>
      Effect.sync(() => {
        process.stdin.off("data", onData).off("end", onEnd).off("error", onEnd).pause()
      })
  )
)

const size = (): TerminalSize => ({ rows: process.stdout.rows, columns: process.stdout.columns })

const resizes: Stream.Stream<TerminalSize> = Stream.callback((queue) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const onResize = (): void => void Queue.offerUnsafe(queue, size())
      process.stdout.on("resize", onResize)
      return onResize
    }),
    (onResize) => Effect.sync(() => process.stdout.off("resize", onResize))
  )
)

/** Who reads the keys until now, such as a console's line editor, reads none while another has the terminal. */
const silenceOthers: Effect.Effect<void, never, Scope.Scope> = Effect.asVoid(
  Effect.acquireRelease(
    Effect.sync(() => {
      const others = process.stdin.rawListeners("data")
      process.stdin.removeAllListeners("data")
      return { others, flowing: process.stdin.readableFlowing, raw: process.stdin.isRaw }
    }),
    ({ others, flowing, raw }) =>
      Effect.sync(() => {
        process.stdin.setRawMode(raw)
        for (const other of others)
          process.stdin.on("data", (bytes: Buffer) => void Reflect.apply(other, process.stdin, [bytes]))
        if (flowing === true) process.stdin.resume()
        else process.stdin.pause()
      })
  )
)

const takeOver: Effect.Effect<LocalTerminal, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync((): LocalTerminal => {
    process.stdin.setRawMode(true)
    // Node's raw mode still turns each line feed into two characters, which the guest's terminal has done already where it is wanted.
    execFileSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] })
    return { size, resizes, keys, reset: Effect.sync(() => process.stdout.write(resetSequence)) }
  }),
  () => Effect.sync(() => process.stdin.setRawMode(false))
)

/** Takes the terminal over; it is as it was when the Scope closes. */
export const takeTerminal: Effect.Effect<LocalTerminal, never, Scope.Scope> = Effect.andThen(silenceOthers, takeOver)
