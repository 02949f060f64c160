/** The readers of a run's events: the terminal always, files when a folder is named. */
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import type { Event } from "@nix-vm-test/core/events/Event"
import { makeEventLog } from "@nix-vm-test/report/EventLog"
import { followEvents } from "@nix-vm-test/report/followEvents"
import { makeTerminalReport } from "@nix-vm-test/report/Terminal"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"

export interface ReadersOptions {
  /** Where events and console logs are written; nothing is written without it. */
  readonly directory: string | undefined
  readonly console: "all" | "failure" | "none"
  readonly secrets: ReadonlyArray<string>
  readonly color: boolean
}

/** A run's last event is its end: readers that have seen it are done. */
const untilFinished = <E, R>(events: Stream.Stream<Event, E, R>) =>
  Stream.takeUntil(events, (event) => event._tag === "RunFinished")

/** Subscribes the readers; `drained` waits until they have seen the run's last event. */
export const startReaders = Effect.fnUntraced(function* (options: ReadersOptions) {
  const bus = yield* EventBus
  const report = makeTerminalReport({
    color: options.color,
    interactive: process.stdout.isTTY,
    console: options.console,
    secrets: options.secrets,
    width: process.stdout.columns ?? 100,
    write: (text) => void process.stdout.write(text)
  })
  const shown = yield* Effect.forkScoped(followEvents({ report, events: untilFinished(yield* bus.subscribe) }), {
    startImmediately: true
  })
  const { directory, secrets } = options
  if (directory === undefined) return { drained: Fiber.join(shown) }
  const log = yield* makeEventLog({ directory, secrets })
  const written = yield* Effect.forkScoped(Stream.runForEachArray(untilFinished(yield* bus.subscribe), log.append), {
    startImmediately: true
  })
  return { drained: Effect.andThen(Fiber.join(shown), Fiber.join(written)) }
})
