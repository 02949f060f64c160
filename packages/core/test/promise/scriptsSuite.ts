import * as fs from "node:fs/promises"
import { assert } from "@effect/vitest"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { callSiteOf } from "@nix-vm-test/core/machine/callSite"
import { Steps } from "@nix-vm-test/core/machine/Steps"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import { defineTest } from "@nix-vm-test/core/script/defineTest"
import { runScript } from "@nix-vm-test/core/script/runScript"
import type { TestDefinition } from "@nix-vm-test/core/script/TestDefinition"
import * as Effect from "effect/Effect"
import { eventsDuring, type GuestSuite, theMachine } from "../support/guestSuite.ts"

const machines = { vm: { image: "debian:12" } } as const

/** Runs a test's script against the machine that is there. */
const run = ({ body }: TestDefinition) =>
  Effect.gen(function* () {
    const vm = yield* theMachine
    return yield* runScript({ body, machines: { vm }, bus: yield* EventBus, steps: yield* Steps })
  })

export const scriptsSuite: GuestSuite = (it) => {
  it.effect("has typed machines in Promise style, and groups what belongs together", () =>
    Effect.gen(function* () {
      const started = yield* eventsDuring(
        "StepStarted",
        run(
          defineTest({
            machines,
            async script({ vm, machines, subtest, startAll }) {
              await startAll()
              assert.strictEqual(machines.vm, vm)
              const words = await Promise.all([
                subtest("left", () => vm.succeed("echo left")),
                subtest("right", () => vm.nested("inner", () => vm.succeed("echo right")))
              ])
              assert.deepStrictEqual(words, ["left\n", "right\n"])
            }
          })
        )
      )
      const titleOf = (step: string | undefined) => started.find((event) => event.step === step)?.title
      assert.sameDeepMembers(
        started.map(({ title, parent }) => [titleOf(parent), title]),
        [
          [undefined, "left"],
          [undefined, "right"],
          ["left", "must succeed: echo left"],
          ["right", "inner"],
          ["inner", "must succeed: echo right"]
        ]
      )
    })
  )

  it.effect("talks with a command while it runs, and ends it with its block", () =>
    run(
      defineTest({
        machines,
        async script({ vm }) {
          {
            await using shell = await vm.spawn("while read -r line; do echo $((line * 2)); done; sleep 790", {
              interactiveStdin: true
            })
            const answers = shell.stdout[Symbol.asyncIterator]()
            await shell.write("21\n")
            assert.strictEqual((await answers.next()).value, "42\n")
            await shell.endStdin()
            await vm.waitUntilSucceeds("pgrep -fx 'sleep 790'")
          }
          await vm.waitUntilFails("pgrep -fx 'sleep 790'")
          const signalled = await vm.spawn(["sleep", "791"])
          await signalled.kill(9)
          assert.deepInclude(await signalled.exit(), { exitCode: 137, signal: 9 })
        }
      })
    )
  )

  it.effect("rejects with the typed error, which knows the script's own line", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        run(
          defineTest({
            machines,
            async script({ vm }) {
              const caught = await vm.succeed("exit 9").catch((reason: unknown) => reason)
              assert.instanceOf(caught, TestFailure)
              await vm.fail("true")
            }
          })
        )
      )
      assert.strictEqual(error.reason._tag, "CommandSucceeded")
      const site = callSiteOf(error)
      const [, line] = /scriptsSuite\.ts:(\d+)/.exec(typeof site === "string" ? site : "") ?? []
      const source = (yield* Effect.promise(() => fs.readFile(import.meta.filename, "utf8"))).split("\n")
      assert.strictEqual(source[Number(line) - 1]?.trim(), 'await vm.fail("true")')
    })
  )

  it.effect("has the same machines in Effect style", () =>
    Effect.gen(function* () {
      const finished = yield* eventsDuring(
        "StepFinished",
        run(
          defineTest.effect({
            machines,
            script: ({ vm, subtest }) =>
              Effect.gen(function* () {
                assert.strictEqual(yield* subtest("says", vm.succeed("echo effect")), "effect\n")
                const error = yield* Effect.flip(vm.nested("fails", vm.succeed("exit 3")))
                assert.strictEqual(error.reason._tag, "CommandFailed")
              })
          })
        )
      )
      assert.deepStrictEqual(
        finished.map(({ outcome }) => outcome),
        ["passed", "passed", "failed", "failed"]
      )
    })
  )
}
