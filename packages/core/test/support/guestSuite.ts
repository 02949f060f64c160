/** A group of tests on a guest that other groups use too: it leaves the guest as it found it. */
import type { Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Event } from "@nix-vm-test/core/events/Event"
import type { EventBus } from "@nix-vm-test/core/events/EventBus"
import type { Steps } from "@nix-vm-test/core/machine/Steps"
import { Guests } from "./Guests.ts"

export type GuestSuite = (it: Vitest.MethodsNonLive<Guests | EventBus | Steps>) => void

/** The machine that all suites share. */
export const theMachine = Effect.map(Guests, (guests) => guests.machine("vm"))

type EventOf<Tag extends Event["_tag"]> = Extract<Event, { readonly _tag: Tag }>

const hasTag =
  <Tag extends Event["_tag"]>(tag: Tag) =>
  (event: Event): event is EventOf<Tag> =>
    event._tag === tag

/** The events of one kind that an effect causes. */
export const eventsDuring = Effect.fnUntraced(function* <Tag extends Event["_tag"], A, E, R>(
  tag: Tag,
  effect: Effect.Effect<A, E, R>
) {
  const { events } = yield* Guests
  const before = events().length
  yield* effect
  // Events reach readers a turn of the event loop later.
  yield* Effect.sleep("50 millis")
  return events().slice(before).filter(hasTag(tag))
})
