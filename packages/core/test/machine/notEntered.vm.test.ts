/** A guest that boots, and in which nothing starts the agent: it has a shell in the place of its init. */
import { assert, layer } from "@effect/vitest"
import { withLastWords } from "@nix-vm-test/core/run/withLastWords"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"

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
  it.effect("ends the start with how far it got, the way in that was tried, its console, and what is on its disk", () =>
    Effect.gen(function* () {
      const vm = (yield* Guests).runMachine("vm")
      const error = yield* Effect.flip(withLastWords(vm.machine.start(), [vm]))
      assert.strictEqual(error.reason._tag, "BootTimedOut", error.message)
      const [entry, , disk] = error.evidence
      assert.deepStrictEqual(
        error.evidence.map(({ title }) => title),
        ["the agent's way in", "console", "its disk"]
      )
      assert.match(entry?.text ?? "", /^installed: /u)
      assert.strictEqual(disk?.text, "no logs were found on it")
    })
  )
})
