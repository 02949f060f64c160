import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

/** Until something that another fibre or the other end does has happened; the test's own limit ends it otherwise. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.sync(condition), { schedule: Schedule.spaced("1 millis"), until: (ok) => ok }))
