import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { EventBus } from "../events/EventBus.ts"
import type { Image } from "../spec/Image.ts"

/** One line about a release that gets no more updates: its packages leave the mirrors, and what is tested on it is what nobody should run. */
export const warnOfEndOfLife = Effect.fn("run.warnOfEndOfLife")(function* ({ id, endOfLife }: Image) {
  const today = new Date(yield* Clock.currentTimeMillis).toISOString().slice(0, 10)
  if (endOfLife === undefined || today <= endOfLife) return
  yield* (yield* EventBus).publish({
    _tag: "Notice",
    topic: "end-of-life",
    text: `${id} has had no support since ${endOfLife}; its packages may be gone from the mirrors`
  })
})
