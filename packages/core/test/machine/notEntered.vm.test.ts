/** A guest that boots, and in which nothing starts the agent: it has a shell in the place of its init. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"
import { theMachine } from "../support/guestSuite.ts"

const guests = Guests.layer(
  {
    machines: {
      vm: { image: "debian:12", memory: "512MiB", start: "cold", boot: { kernelArgs: ["init=/bin/sh"] } }
    },
    timeouts: { boot: "20s" }
  },
  { start: false }
)

layer(guests, { excludeTestServices: true, timeout: "5 minutes" })("a guest without an agent", (it) => {
  it.effect("ends the start with how far it got, the way in that was tried, and its console", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      const error = yield* Effect.flip(vm.start())
      assert.strictEqual(error.reason._tag, "BootTimedOut", error.message)
      assert.deepStrictEqual(
        error.evidence.map(({ title }) => title),
        ["the agent's way in", "console"]
      )
      assert.match(error.evidence[0]?.text ?? "", /^installed: /u)
    })
  )
})
