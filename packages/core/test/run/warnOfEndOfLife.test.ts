import { assert, describe, it } from "@effect/vitest"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { warnOfEndOfLife } from "@nix-vm-test/core/run/warnOfEndOfLife"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { imageOf } from "../store/testDisk.ts"

const image = imageOf({ _tag: "Packages", recipe: "debian-12" })
const ended = { ...image, id: "old:1", endOfLife: "2026-08-31" }

describe("the end of a release's life", () => {
  it.effect.each([
    { what: "on its last day", today: "2026-08-31", image: ended, notices: 0 },
    { what: "on the day after", today: "2026-09-01", image: ended, notices: 1 },
    { what: "where a release has no end", today: "2026-09-01", image, notices: 0 }
  ])("$what: $notices lines", ({ today, image: used, notices }) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse(`${today}T12:00:00Z`))
      const bus = yield* EventBus
      const events = yield* bus.subscribe
      yield* warnOfEndOfLife(used)
      yield* bus.publish({ _tag: "Notice", topic: "host", text: "the last" })
      const seen = yield* Stream.runCollect(Stream.take(events, notices + 1))
      const texts = seen.map((event) => (event._tag === "Notice" ? event.text : event._tag))
      assert.strictEqual(texts.at(-1), "the last")
      if (notices > 0) assert.match(texts[0] ?? "", /^old:1 has had no support since 2026-08-31/u)
    }).pipe(Effect.provide(EventBus.layer))
  )
})
