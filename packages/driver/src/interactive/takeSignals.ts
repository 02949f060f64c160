/**
 * The terminal's signals while another has the terminal. They come to this process, which the terminal belongs to, also where a child reads the
 * keys: a child of a session of its own gets none.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Ctrl-C, Ctrl-Z and a new size of the window. */
export type TerminalSignal = "SIGINT" | "SIGTSTP" | "SIGWINCH"

export interface TakeSignalsOptions {
  readonly signals: ReadonlyArray<TerminalSignal>
  readonly onSignal: (signal: TerminalSignal) => void
}

/** Until the Scope closes, these signals are `onSignal`'s, and Ctrl-C is no longer that of who had it before, also where it is none of these. */
export const takeSignals = ({ signals, onSignal }: TakeSignalsOptions): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const others = process.listeners("SIGINT")
      process.removeAllListeners("SIGINT")
      for (const signal of signals) process.on(signal, onSignal)
      return others
    }),
    (others) =>
      Effect.sync(() => {
        for (const signal of signals) process.off(signal, onSignal)
        for (const other of others) process.on("SIGINT", other)
      })
  ).pipe(Effect.asVoid)
