/** How scripts say durations: a number of seconds, or a text with a unit. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { parseDuration } from "../spec/DurationSpec.ts"
import { TestFailure } from "./TestFailure.ts"

/** Seconds as a number, or a text such as `"500ms"`, `"90s"`, `"15min"`, `"1h"`. */
export type TimeLimit = number | string

const noDuration = (limit: TimeLimit): TestFailure =>
  new TestFailure({
    reason: {
      _tag: "NotPossible",
      detail: `${JSON.stringify(limit)} is no duration: write seconds as a number, or "90s", "15min"`
    },
    evidence: []
  })

/** Milliseconds of a limit; a text without a known unit is the script's mistake. */
export const limitToMs = (limit: TimeLimit): Effect.Effect<number, TestFailure> => {
  if (typeof limit === "number") {
    return Number.isFinite(limit) && limit >= 0 ? Effect.succeed(limit * 1000) : Effect.fail(noDuration(limit))
  }
  return Option.match(parseDuration(limit), {
    onNone: () => Effect.fail(noDuration(limit)),
    onSome: (duration) => Effect.succeed(Duration.toMillis(duration))
  })
}
