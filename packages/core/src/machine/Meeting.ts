/** Where machines that are saved or restored at the same instant wait for each other. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

export interface Meeting {
  /** Goes on when all have come; it can be met at again and again. */
  readonly all: Effect.Effect<void>
}

/** A meeting of one: never waits. */
export const alone: Meeting = { all: Effect.void }

export const makeMeeting = (members: number): Meeting => {
  let missing = members
  let latch = Latch.makeUnsafe()
  return {
    all: Effect.suspend(() => {
      missing--
      if (missing > 0) return latch.await
      const complete = latch
      missing = members
      latch = Latch.makeUnsafe()
      return Effect.asVoid(complete.open)
    })
  }
}
