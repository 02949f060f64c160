import nodeAssert from "node:assert/strict"
import { assert, describe, layer } from "@effect/vitest"
import type { Event } from "@nix-vm-test/core/events/Event"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { MachineError } from "@nix-vm-test/core/machine/MachineError"
import { Steps } from "@nix-vm-test/core/machine/Steps"
import { runScript } from "@nix-vm-test/core/script/runScript"
import type { EffectHelpers, PromiseHelpers, ScriptBody } from "@nix-vm-test/core/script/TestDefinition"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** Runs a script that has no machines; gives how it ended and what it reported. */
const run = Effect.fnUntraced(function* (body: ScriptBody, options: { readonly keepGoing?: boolean } = {}) {
  const bus = yield* EventBus
  const steps = yield* Steps
  const events: Array<Event> = []
  const stream = yield* bus.subscribe
  yield* Effect.forkScoped(
    Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  const exit = yield* Effect.exit(runScript({ body, machines: {}, bus, steps, ...options }))
  yield* Effect.sleep("1 millis")
  const failures = Exit.isSuccess(exit) ? [] : exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)
  return { failure: failures[0], failures, events }
})

const promise = (script: (helpers: PromiseHelpers<string>) => unknown): ScriptBody => ({ style: "promise", script })
const effect = (script: (helpers: EffectHelpers<string>) => Effect.Effect<unknown, unknown>): ScriptBody => ({
  style: "effect",
  script
})

/** Each step as `parent > title`, in the order of their starts. */
const tree = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const titles = new Map<string, string>()
  return events.flatMap((event) => {
    if (event._tag !== "StepStarted") return []
    titles.set(event.step, event.title)
    return [event.parent === undefined ? event.title : `${titles.get(event.parent)} > ${event.title}`]
  })
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const services = Steps.layer.pipe(Layer.provideMerge(EventBus.layer))

layer(services, { excludeTestServices: true })("runScript", (it) => {
  describe("a script in Promise style", () => {
    it.effect("passes when it returns, whatever it returns", () =>
      Effect.gen(function* () {
        assert.isUndefined((yield* run(promise(() => 42))).failure)
        assert.isUndefined((yield* run(promise(async () => "done"))).failure)
      })
    )

    it.effect("fails with what it threw or rejected with, at its own line", () =>
      Effect.gen(function* () {
        for (const script of [
          () => {
            throw new RangeError("out of it")
          },
          async () => {
            await pause(1)
            throw new RangeError("out of it")
          }
        ]) {
          const { failure } = yield* run(promise(script))
          assert.strictEqual(failure?.reason._tag, "ScriptThrew")
          assert.strictEqual(failure?.message, "RangeError: out of it")
          assert.include(failure?.stack, "runScript.test.ts:")
        }
      })
    )

    it.effect("fails with things that are no errors, too", () =>
      Effect.gen(function* () {
        for (const [thrown, words] of [
          ["just text", "the script threw just text"],
          [undefined, "the script threw undefined"],
          [Object.create(null), "the script threw"]
        ] as const) {
          const { failure } = yield* run(promise(() => Promise.reject(thrown)))
          assert.strictEqual(failure?.reason._tag, "ScriptThrew")
          assert.include(failure?.message, words)
        }
      })
    )

    it.effect("shows what an assertion compared", () =>
      Effect.gen(function* () {
        const { failure } = yield* run(promise(() => nodeAssert.deepEqual({ port: 80 }, { port: 443 })))
        assert.strictEqual(failure?.reason._tag, "ScriptThrew")
        assert.include(failure?.message, "AssertionError: Expected values to be strictly deep-equal")
        assert.deepStrictEqual(failure?.evidence, [
          { title: "expected", text: "{\n  port: 443\n}" },
          { title: "actual", text: "{\n  port: 80\n}" }
        ])
        const missing = yield* run(promise(() => nodeAssert.equal(undefined, "there")))
        assert.deepStrictEqual(missing.failure?.evidence, [
          { title: "expected", text: "there" },
          { title: "actual", text: "undefined" }
        ])
        const cyclic: Record<string, unknown> = { size: 10n }
        cyclic["self"] = cyclic
        const odd = yield* run(promise(() => nodeAssert.deepEqual(cyclic, {})))
        assert.include(odd.failure?.evidence[1]?.text, "10n")
      })
    )

    it.effect("passes the handle's own errors on as they are", () =>
      Effect.gen(function* () {
        const error = new MachineError({ machine: "vm", reason: { _tag: "GuestPoweredOff" }, evidence: [] })
        const { failure } = yield* run(promise(() => Promise.reject(error)))
        assert.strictEqual(failure, error)
      })
    )

    it.effect("nests subtests, those that run at once too", () =>
      Effect.gen(function* () {
        const { failure, events } = yield* run(
          promise(async ({ subtest }) => {
            const sum = await subtest("outer", async () => {
              const parts = await Promise.all([
                subtest("left", async () => {
                  await pause(5)
                  return subtest("left's own", () => 1)
                }),
                subtest("right", async () => {
                  await pause(1)
                  return subtest("right's own", () => 2)
                })
              ])
              return (parts[0] ?? 0) + (parts[1] ?? 0)
            })
            await subtest(`sum ${sum}`, () => {})
          })
        )
        assert.isUndefined(failure)
        assert.sameMembers(
          [...tree(events)],
          ["outer", "outer > left", "outer > right", "right > right's own", "left > left's own", "sum 3"]
        )
      })
    )

    it.effect("goes on after failed subtests where that is wanted, and fails with all that failed", () =>
      Effect.gen(function* () {
        const body = promise(async ({ subtest }) => {
          const nothing: unknown = await subtest("one", () => Promise.reject(new Error("not one")))
          await subtest("two", () => {
            throw new Error(`not two, ${String(nothing)}`)
          })
          throw new Error("not the rest")
        })
        const messages = (failures: ReadonlyArray<Error>) => failures.map(({ message }) => message)
        assert.deepStrictEqual(messages((yield* run(body)).failures), ["Error: not one"])
        assert.deepStrictEqual(messages((yield* run(body, { keepGoing: true })).failures), [
          "Error: not one",
          "Error: not two, undefined",
          "Error: not the rest"
        ])
      })
    )

    it.effect("ends a subtest that fails as failed, and goes on when the script caught it", () =>
      Effect.gen(function* () {
        const { failure, events } = yield* run(
          promise(async ({ subtest, log }) => {
            const error = await subtest("breaks", () => Promise.reject(new Error("broken"))).catch((caught) => caught)
            log(error.message)
          })
        )
        assert.isUndefined(failure)
        const finished = events.find((event) => event._tag === "StepFinished")
        assert.deepInclude(finished, { outcome: "failed", detail: "broken" })
        assert.deepInclude(
          events.find((event) => event._tag === "Log"),
          { level: "info", text: "broken" }
        )
      })
    )

    it.effect("writes its lines to the step that they belong to", () =>
      Effect.gen(function* () {
        const { events } = yield* run(
          promise(async ({ subtest, log }) => {
            log("outside")
            await subtest("part", () => log("inside"))
          })
        )
        const step = events.find((event) => event._tag === "StepStarted")?.step
        assert.isString(step)
        assert.deepStrictEqual(
          events.flatMap((event) => (event._tag === "Log" ? [[event.text, event.step]] : [])),
          [
            ["outside", undefined],
            ["inside", step]
          ]
        )
      })
    )
  })

  describe("a script in Effect style", () => {
    it.effect("fails with the error, the defect, or what it threw while it was made", () =>
      Effect.gen(function* () {
        for (const script of [
          // @effect-diagnostics-next-line globalErrorInEffectFailure:off
          () => Effect.fail(new RangeError("out of it")),
          () => Effect.die(new RangeError("out of it")),
          () => {
            throw new RangeError("out of it")
          }
        ]) {
          const { failure } = yield* run(effect(script))
          assert.strictEqual(failure?.reason._tag, "ScriptThrew")
          assert.strictEqual(failure?.message, "RangeError: out of it")
        }
      })
    )

    it.effect("nests subtests and writes lines into them", () =>
      Effect.gen(function* () {
        const { failure, events } = yield* run(
          effect(({ subtest, log }) =>
            subtest(
              "outer",
              Effect.all([subtest("left", log("here")), subtest("right", Effect.sleep("2 millis"))], {
                concurrency: "unbounded"
              })
            )
          )
        )
        assert.isUndefined(failure)
        assert.sameMembers([...tree(events)], ["outer", "outer > left", "outer > right"])
        assert.isString(events.find((event) => event._tag === "Log")?.step)
      })
    )
  })
})
