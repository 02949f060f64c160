/** How a QEMU is brought to its end: rungs from the gentlest to the surest, each with its limit. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/**
 * - `ended`: it had ended before anything was done.
 * - `graceful`: the caller's own way, such as a poweroff through the guest's agent.
 * - `acpi`: the power button.
 * - `quit`: the monitor's `quit`; the guest is not asked.
 * - `terminate`, `kill`: SIGTERM, SIGKILL.
 */
export type StopRung = "ended" | "graceful" | "acpi" | "quit" | "terminate" | "kill"

/**
 * Milliseconds that each rung may take until the next one is tried. SIGKILL has no limit: the kernel ends the process.
 */
export interface StopLimits {
  readonly graceful: number
  readonly acpi: number
  readonly quit: number
  readonly terminate: number
}

/**
 * For a guest under TCG on a busy host: systemd stops within 90 s by default, and few units take as long. QEMU itself
 * ends within 0.1 s of `quit` unless its disk does not answer.
 */
export const defaultStopLimits: StopLimits = { graceful: 60_000, acpi: 30_000, quit: 5_000, terminate: 3_000 }

export interface Rung {
  readonly name: Exclude<StopRung, "ended">
  /** What to do; the wait for the process's end begins with it, and its failure ends the rung at once. */
  readonly act: Effect.Effect<unknown, unknown>
  /** Milliseconds; undefined waits for as long as it takes. */
  readonly limitMs: number | undefined
}

/**
 * Milliseconds for the process's end after an act failed: `quit` may lose its reply to the end that it brought about.
 */
const endAfterFailureMs = 300

const hasEnded = (exited: Effect.Effect<unknown>, withinMs: number): Effect.Effect<boolean> =>
  Effect.map(Effect.timeoutOption(exited, Duration.millis(withinMs)), Option.isSome)

const climb = (rung: Rung, exited: Effect.Effect<unknown>): Effect.Effect<boolean> => {
  const ended = Effect.as(exited, true)
  const acted = Effect.matchEffect(rung.act, {
    onFailure: () => hasEnded(exited, endAfterFailureMs),
    onSuccess: () => ended
  })
  const attempt = Effect.raceFirst(ended, acted)
  return rung.limitMs === undefined
    ? attempt
    : Effect.map(
        Effect.timeoutOption(attempt, Duration.millis(rung.limitMs)),
        Option.getOrElse(() => false)
      )
}

/** Climbs until the process has ended; returns the rung on which it did. The last rung must be a sure one. */
export const climbLadder = Effect.fn("StopLadder.climb")(function* (
  rungs: ReadonlyArray<Rung>,
  exited: Effect.Effect<unknown>
): Effect.fn.Return<StopRung> {
  if (yield* hasEnded(exited, 0)) return "ended"
  for (const rung of rungs) {
    if (yield* climb(rung, exited)) return rung.name
  }
  return "kill"
})
