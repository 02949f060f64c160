import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { climbLadder, type Rung } from "@nix-vm-test/core/qemu/StopLadder"

describe("climbLadder", () => {
  const setUp = Effect.gen(function* () {
    const ended = yield* Deferred.make<void>()
    const tried: Array<string> = []
    const rung = (name: Rung["name"], act: Effect.Effect<unknown, unknown>, limitMs?: number): Rung => ({
      name,
      act: Effect.andThen(
        Effect.sync(() => tried.push(name)),
        act
      ),
      limitMs
    })
    return { tried, rung, end: Deferred.succeed(ended, undefined), exited: Deferred.await(ended) }
  })

  it.effect("does nothing to a process that has ended", () =>
    Effect.gen(function* () {
      const { tried, rung, end, exited } = yield* setUp
      yield* end
      assert.strictEqual(yield* climbLadder([rung("quit", Effect.void)], exited), "ended")
      assert.deepStrictEqual(tried, [])
    })
  )
  it.effect("stops at the rung that worked", () =>
    Effect.gen(function* () {
      const { tried, rung, end, exited } = yield* setUp
      const rungs = [rung("graceful", end, 1000), rung("kill", Effect.die("not reached"))]
      assert.strictEqual(yield* climbLadder(rungs, exited), "graceful")
      assert.deepStrictEqual(tried, ["graceful"])
    })
  )
  it.effect("an act whose effect comes later counts as long as its limit lasts", () =>
    Effect.gen(function* () {
      const { rung, end, exited } = yield* setUp
      yield* Effect.forkChild(Effect.delay(end, "900 millis"))
      const climbing = yield* Effect.forkChild(
        climbLadder([rung("acpi", Effect.void, 1000), rung("kill", Effect.void)], exited)
      )
      yield* TestClock.adjust("950 millis")
      assert.strictEqual(yield* Fiber.join(climbing), "acpi")
    })
  )
  it.effect("goes on when an act hangs, has no effect, or fails", () =>
    Effect.gen(function* () {
      const { tried, rung, end, exited } = yield* setUp
      const rungs = [
        rung("graceful", Effect.never, 60_000),
        rung("acpi", Effect.void, 30_000),
        rung("quit", Effect.fail("gone"), 3_600_000),
        rung("kill", end)
      ]
      const climbing = yield* Effect.forkChild(climbLadder(rungs, exited))
      yield* TestClock.adjust("91 seconds")
      assert.strictEqual(yield* Fiber.join(climbing), "kill")
      assert.deepStrictEqual(tried, ["graceful", "acpi", "quit", "kill"])
    })
  )
  it.effect("an act that fails because the process ended under it counts", () =>
    Effect.gen(function* () {
      const { rung, end, exited } = yield* setUp
      yield* Effect.forkChild(Effect.delay(end, "100 millis"))
      const climbing = yield* Effect.forkChild(
        climbLadder([rung("quit", Effect.fail("closed"), 5000), rung("kill", Effect.void)], exited)
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(climbing), "quit")
    })
  )
})
