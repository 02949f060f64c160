import * as Effect from "effect/Effect"
import type { EventBody, MachinePhase } from "../events/Event.ts"
import type { EventBusShape } from "../events/EventBus.ts"

/** A bus for a machine that is none of the test's: of its events only how far its boot got is told, and not as the test's. */
export const onlyPhases = (bus: EventBusShape, onPhase: (phase: MachinePhase) => void): EventBusShape => {
  const publishUnsafe = (event: EventBody): void => {
    if (event._tag === "MachinePhaseReached") onPhase(event.phase)
  }
  return { publishUnsafe, publish: (event) => Effect.sync(() => publishUnsafe(event)), subscribe: bus.subscribe }
}
