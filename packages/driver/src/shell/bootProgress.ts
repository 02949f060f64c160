/** What is seen of a machine until it is ready: on stderr, as stdout is the shell's. */
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import type { Event } from "@nix-vm-test/core/events/Event"
import { followEvents } from "@nix-vm-test/report/followEvents"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { stderrReport } from "../report/stderrReport.ts"

/** A shell says by itself how its machine ended. */
const isEnd = (event: Event): boolean => event._tag === "MachineDied" || event._tag === "MachineStopped"

/** Shows progress until the machine is ready; `finished` waits until that was shown. */
export const showBootProgress = Effect.fnUntraced(function* (options: { readonly color: boolean }) {
  const bus = yield* EventBus
  const report = stderrReport(options)
  const events = (yield* bus.subscribe).pipe(
    Stream.takeUntil((event) => event._tag === "MachineReady"),
    Stream.filter((event) => !isEnd(event))
  )
  const shown = yield* Effect.forkScoped(followEvents({ report, events }), { startImmediately: true })
  return { finished: Fiber.join(shown) }
})
