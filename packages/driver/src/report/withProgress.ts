/** Shows what goes on while a command works: on stderr, as stdout is for the command's result. */
import type { Event } from "@nix-vm-test/core/events/Event"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { followEvents } from "@nix-vm-test/report/followEvents"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { wantsColor } from "../wantsColor.ts"
import { stderrReport } from "./stderrReport.ts"

/** The last of a run's events; here it only ends the stream, so that all that came before is shown. */
const end = { _tag: "RunFinished", verdict: "passed", durationMs: 0, failures: [] } as const

const isEnd = (event: Event): boolean => event._tag === end._tag

export const withProgress = Effect.fnUntraced(function* <A, E, R>(work: Effect.Effect<A, E, R>) {
  const bus = yield* EventBus
  const report = stderrReport({ color: wantsColor(process.stderr, { noColor: false }) })
  const events = (yield* bus.subscribe).pipe(
    Stream.takeUntil(isEnd),
    Stream.filter((event) => !isEnd(event))
  )
  const shown = yield* Effect.forkScoped(followEvents({ report, events }), { startImmediately: true })
  return yield* Effect.onExit(work, () => Effect.andThen(bus.publish(end), Fiber.join(shown)))
}, Effect.scoped)
