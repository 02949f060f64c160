/** Runs a Python script that has no machines, in a real interpreter. */
import type { Event } from "@nix-vm-test/core/events/Event"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { Steps } from "@nix-vm-test/core/machine/Steps"
import { failureOf } from "@nix-vm-test/core/run/failureOf"
import { runScript } from "@nix-vm-test/core/script/runScript"
import { pythonBody } from "@nix-vm-test/driver/python/pythonBody"
import { pythonScriptOfText } from "@nix-vm-test/driver/python/PythonScript"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

export interface RunPythonOptions {
  readonly keepGoing?: boolean
  readonly command?: string
}

const run = Effect.fnUntraced(function* (text: string, options: RunPythonOptions) {
  const bus = yield* EventBus
  const steps = yield* Steps
  const events: Array<Event> = []
  const stream = yield* bus.subscribe
  yield* Effect.forkScoped(
    Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  const { open } = pythonBody({
    script: pythonScriptOfText(text),
    machines: [],
    command: options.command ?? "python3",
    keepGoing: options.keepGoing
  })
  const exit = yield* Effect.exit(
    Effect.flatMap(open, (body) => runScript({ body, machines: {}, bus, steps, keepGoing: options.keepGoing }))
  )
  yield* Effect.sleep("1 millis")
  const failures = Exit.isSuccess(exit)
    ? []
    : exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => failureOf(error))
  const lines = events.flatMap((event) => (event._tag === "Log" ? [event.text] : []))
  return { failures, lines, events }
})

/** What the script said and how it ended. */
export const runPython = (text: string, options: RunPythonOptions = {}) =>
  Effect.runPromise(
    run(text, options).pipe(Effect.scoped, Effect.provide(Steps.layer.pipe(Layer.provideMerge(EventBus.layer))))
  )
