/** The readers of a run's events: the terminal always, files when a folder is named. */
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import type { Event } from "@nix-vm-test/core/events/Event"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { makeEventLog } from "@nix-vm-test/report/EventLog"
import { followEvents } from "@nix-vm-test/report/followEvents"
import { makeJUnitReport } from "@nix-vm-test/report/JUnit"
import { makeEventMask } from "@nix-vm-test/report/maskEvents"
import { makeTerminalReport } from "@nix-vm-test/report/Terminal"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"

export interface ReadersOptions {
  /** Where events and console logs are written; nothing is written without it. */
  readonly directory: string | undefined
  /** Where the run is written as JUnit XML at its end. */
  readonly junit: string | undefined
  readonly console: "all" | "failure" | "none"
  readonly secrets: ReadonlyArray<string>
  readonly color: boolean
  /** Steps as one line each, and what runs below them. Never where the terminal is also somebody's to type in. */
  readonly isInteractive: boolean
  readonly write: (text: string) => void
}

/** A run's last event is its end: readers that have seen it are done. */
const untilFinished = (events: Stream.Stream<Event>) =>
  Stream.takeUntil(events, (event) => event._tag === "RunFinished")

/** A release past its end is seen also where the log goes into a file that nobody reads while tests pass. */
const warn = (event: Event): Effect.Effect<void> =>
  event._tag === "Notice" && event.topic === "end-of-life"
    ? Effect.sync(() => void process.stderr.write(`nix-vm-test: ${event.text}\n`))
    : Effect.void

/** The file is whole or not there: a CI server may look while the run goes on. */
const writeJUnit = (file: string, secrets: ReadonlyArray<string>) =>
  Effect.fnUntraced(function* (events: Stream.Stream<Event>) {
    const fs = yield* FileSystem.FileSystem
    const report = makeJUnitReport()
    const mask = makeEventMask(secrets)
    yield* Stream.runForEach(events, (event) => Effect.sync(() => mask(event).forEach(report.add)))
    const beside = `${file}.part`
    yield* Effect.andThen(fs.writeFileString(beside, report.xml()), fs.rename(beside, file)).pipe(
      Effect.mapError((error) => new UsageError({ text: `--junit ${file}: ${error.reason.message}` }))
    )
  })

/** Subscribes the readers; `drained` waits until they have seen the run's last event. */
export const startReaders = Effect.fnUntraced(function* (options: ReadersOptions) {
  const bus = yield* EventBus
  const report = makeTerminalReport({
    color: options.color,
    interactive: options.isInteractive,
    console: options.console,
    secrets: options.secrets,
    width: process.stdout.columns ?? 100,
    write: options.write
  })
  const { directory, secrets } = options
  const follow = <E, R>(read: (events: Stream.Stream<Event>) => Effect.Effect<void, E, R>) =>
    Effect.flatMap(bus.subscribe, (events) =>
      Effect.forkScoped(read(untilFinished(events)), { startImmediately: true })
    )
  const readers = [
    yield* follow((events) => followEvents({ report, events })),
    ...(process.stdout.isTTY ? [] : [yield* follow(Stream.runForEach(warn))]),
    ...(options.junit === undefined ? [] : [yield* follow(writeJUnit(options.junit, secrets))]),
    ...(directory === undefined
      ? []
      : [yield* follow(Stream.runForEachArray((yield* makeEventLog({ directory, secrets })).append))])
  ]
  return { drained: Fiber.joinAll(readers) }
})
