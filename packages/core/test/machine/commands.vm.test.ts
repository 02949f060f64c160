import { assert, describe, layer } from "@effect/vitest"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"

const guests = Guests.layer({ machines: { vm: { image: "debian:12", memory: "512MiB" } } })

describe("commands", () => {
  layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("in a Debian guest", (it) => {
    it.effect("gives stdout of a command that succeeds, and both streams and the code of one that fails", () =>
      Effect.gen(function* () {
        const vm = (yield* Guests).machine("vm")
        assert.strictEqual(yield* vm.succeed("echo out; echo err >&2"), "out\n")
        const failure = yield* Effect.flip(vm.succeed("echo partial; echo why >&2; exit 3"))
        assert.instanceOf(failure, TestFailure)
        assert.include(failure.message, "command `echo partial; echo why >&2; exit 3` failed (exit code 3)")
        assert.deepStrictEqual(failure.evidence, [
          { title: "stdout", text: "partial" },
          { title: "stderr", text: "why" }
        ])
      })
    )

    it.effect("runs several commands at once", () =>
      Effect.gen(function* () {
        const vm = (yield* Guests).machine("vm")
        const texts = yield* Effect.forEach([1, 2, 3, 4], (n) => vm.succeed(`sleep 1; echo ${n}`), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(texts, ["1\n", "2\n", "3\n", "4\n"])
      })
    )

    it.effect("kills a command and all its processes at its time-out, and keeps what it wrote", () =>
      Effect.gen(function* () {
        const vm = (yield* Guests).machine("vm")
        const result = yield* vm.exec("echo part; sleep 777 | cat", { timeout: 1 })
        assert.deepInclude(result, { timedOut: true, text: "part\n" })
        assert.strictEqual((yield* vm.exec("pgrep -f 'sleep 777' -a | grep -v pgrep", { strict: false })).text, "")
      })
    )
  })
})
