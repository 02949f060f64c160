/**
 * The single exit for information of a run: producers publish bodies, the bus stamps them, readers get them in order.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Event, EventBody } from "./Event.ts"

export interface EventBusShape {
  /** Stamps and delivers one event; never blocks and never fails. */
  readonly publish: (body: EventBody) => Effect.Effect<void>
  /** The same for callbacks outside of Effect, such as a socket's data handler. */
  readonly publishUnsafe: (body: EventBody) => void
  /** Events from this call on; subscribe before the run starts to miss none. Ends when the bus closes. */
  readonly subscribe: Effect.Effect<Stream.Stream<Event>, never, Scope.Scope>
}

export class EventBus extends Context.Service<EventBus, EventBusShape>()("@nix-vm-test/core/EventBus") {
  /**
   * A bus with unbounded queues: an event is small, and a reader that lags must not slow down a guest or lose evidence.
   */
  static readonly layer = Layer.effect(
    EventBus,
    Effect.gen(function* () {
      const hub = yield* Effect.acquireRelease(PubSub.unbounded<Event>(), PubSub.shutdown)
      const start = performance.now()
      let sequence = 0
      const publishUnsafe = (body: EventBody): void => {
        PubSub.publishUnsafe(hub, {
          ...body,
          sequence: sequence++,
          time: Date.now(),
          elapsed: performance.now() - start
        })
      }
      return EventBus.of({
        publishUnsafe,
        publish: (body) => Effect.sync(() => publishUnsafe(body)),
        subscribe: Effect.map(PubSub.subscribe(hub), Stream.fromSubscription)
      })
    })
  )
}
