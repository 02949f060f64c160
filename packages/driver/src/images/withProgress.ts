/** Shows what images go through while a command works on them: on stderr, as stdout is for the command's result. */
import type { Event } from "@nix-vm-test/core/events/Event"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { followEvents } from "@nix-vm-test/report/followEvents"
import { makeTerminalReport } from "@nix-vm-test/report/Terminal"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { wantsColor } from "../wantsColor.ts"

/** The last of a run's events; here it only ends the stream, so that all that came before is shown. */
const end = { _tag: "RunFinished", verdict: "passed", durationMs: 0, failures: [] } as const

const isEnd = (event: Event): boolean => event._tag === end._tag

export const withProgress = Effect.fnUntraced(function* <A, E, R>(work: Effect.Effect<A, E, R>) {
  const bus = yield* EventBus
  const report = makeTerminalReport({
    color: wantsColor(process.stderr, { noColor: false }),
    interactive: process.stderr.isTTY,
    console: "none",
    secrets: [],
    width: process.stderr.columns ?? 100,
    write: (text) => void process.stderr.write(text)
  })
  const events = (yield* bus.subscribe).pipe(
    Stream.takeUntil(isEnd),
    Stream.filter((event) => !isEnd(event))
  )
  const shown = yield* Effect.forkScoped(followEvents({ report, events }), { startImmediately: true })
  return yield* Effect.onExit(work, () => Effect.andThen(bus.publish(end), Fiber.join(shown)))
}, Effect.scoped)
