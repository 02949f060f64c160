/** Runs a script under the test's own time limit: one that sleeps is interrupted, one that blocks the event loop is ended by the watchdog. */
import * as Effect from "effect/Effect"
import { TestFailure } from "../machine/TestFailure.ts"
import { runScript } from "./runScript.ts"
import type { RunScriptOptions } from "./runScript.ts"
import { watchdog } from "./watchdog.ts"

export interface RunLimitedOptions extends RunScriptOptions {
  /** None where a person takes part. */
  readonly limitMs: number | undefined
}

/** Fails with `GlobalTimeout`, and what was running, when the script has not ended in time. */
export const runLimited = Effect.fnUntraced(function* (options: RunLimitedOptions) {
  const { limitMs, steps } = options
  if (limitMs === undefined) return yield* runScript(options)
  const noticed = yield* watchdog(limitMs)
  const timedOut = Effect.gen(function* () {
    yield* Effect.sleep(limitMs)
    yield* noticed
    const running = yield* steps.running
    return yield* new TestFailure({ reason: { _tag: "GlobalTimeout", seconds: limitMs / 1000, running }, evidence: [] })
  })
  yield* Effect.raceFirst(timedOut, runScript(options))
})
