/** Runs one script that ends badly, by the name of its ending, and prints what became of it: only in a process of its own is that safe. */
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { Steps } from "@nix-vm-test/core/machine/Steps"
import { runLimited } from "@nix-vm-test/core/script/runLimited"
import type { EffectHelpers, PromiseHelpers, ScriptBody } from "@nix-vm-test/core/script/TestDefinition"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const never = new Promise<void>(() => {})

const spin = (): never => {
  while (true) {}
}

type Ending = (helpers: PromiseHelpers<string>) => Promise<unknown>

const promiseEndings: Readonly<Record<string, Ending>> = {
  exits: async () => process.exit(3),
  exitsAndCatches: async () => {
    try {
      process.exit(4)
    } catch {
      await never
    }
  },
  rejectsUnawaited: async () => {
    void Promise.reject(new RangeError("nobody awaited this"))
    await never
  },
  throwsInTimer: async () => {
    setTimeout(() => {
      throw new TypeError("thrown in a timer")
    }, 1)
    await never
  },
  leavesWorkBehind: async ({ subtest }) => {
    void subtest("left behind", () => never)
    await new Promise((resolve) => setTimeout(resolve, 5))
    throw new Error("the script's own end")
  },
  sleeps: ({ subtest }) => subtest("a long sleep", () => never),
  spins: async ({ subtest }) => {
    await subtest("a loop without an end", spin)
  },
  spinsAfterAwait: async ({ subtest }) => {
    await subtest("a later loop", async () => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      spin()
    })
  }
}

const effectEndings: Readonly<Record<string, (helpers: EffectHelpers<string>) => Effect.Effect<unknown>>> = {
  effectFinalizes: ({ subtest, log }) =>
    subtest("a tidy sleep", Effect.ensuring(Effect.never, Effect.andThen(Effect.sleep("5 millis"), log("tidied up"))))
}

const bodyOf = (name: string): ScriptBody => {
  const inPromise = promiseEndings[name]
  if (inPromise !== undefined) return { style: "promise", script: inPromise }
  const inEffect = effectEndings[name]
  if (inEffect !== undefined) return { style: "effect", script: inEffect }
  throw new Error(`no ending is called ${name}`)
}

const [name = ""] = process.argv.slice(2)
const body = bodyOf(name)

const outcome = await Effect.gen(function* () {
  const bus = yield* EventBus
  const steps = yield* Steps
  const logged: Array<string> = []
  const events = yield* bus.subscribe
  yield* Effect.forkScoped(
    Stream.runForEach(events, (event) => Effect.sync(() => void (event._tag === "Log" && logged.push(event.text)))),
    { startImmediately: true }
  )
  const failure = yield* Effect.flip(runLimited({ body, machines: {}, limitMs: 1000, bus, steps }))
  yield* Effect.sleep("5 millis")
  return { tag: failure.reason._tag, message: failure.message, stack: failure.stack ?? "", logged }
}).pipe(Effect.scoped, Effect.provide(Steps.layer.pipe(Layer.provideMerge(EventBus.layer))), Effect.runPromise)

process.stdout.write(JSON.stringify(outcome))
