import type { Event } from "@nix-vm-test/core/events/Event"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { TerminalReport } from "./Terminal.ts"

/** Shows events as they come, and ten times a second what runs, until the stream ends; then the terminal is left clean. */
export const followEvents = Effect.fn("followEvents")(function* <E, R>(options: {
  readonly report: TerminalReport
  readonly events: Stream.Stream<Event, E, R>
}) {
  const { report, events } = options
  // The run's clock on ours, set by each event; infinite before the first.
  let runBegan = Number.POSITIVE_INFINITY
  const tick = Effect.map(Clock.currentTimeMillis, (now) => {
    if (Number.isFinite(runBegan)) report.tick(now - runBegan)
  })
  const show = (event: Event) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      runBegan = Math.min(runBegan, now - event.elapsed)
      report.event(event)
    })
  const ticks = Effect.repeat(tick, Schedule.spaced("100 millis"))
  yield* Effect.raceFirst(Stream.runForEach(events, show), Effect.andThen(ticks, Effect.never)).pipe(
    Effect.ensuring(Effect.sync(report.end))
  )
})
