/** Runs a test's script against the machines of a run; every way in which a script can end is an outcome here. */
import * as Effect from "effect/Effect"
import type { EventBody } from "../events/Event.ts"
import { MachineError } from "../machine/MachineError.ts"
import { makeMachineGroup } from "../machine/MachineGroup.ts"
import { CurrentStep } from "../machine/Steps.ts"
import { TestFailure } from "../machine/TestFailure.ts"
import type { PromiseMachine } from "../promise/PromiseMachine.ts"
import { promiseMachine } from "../promise/PromiseMachine.ts"
import type { RunPromise } from "../promise/RunPromise.ts"
import { makeRunPromise } from "../promise/RunPromise.ts"
import { guardScript } from "./guardScript.ts"
import { scriptThrew } from "./scriptThrew.ts"
import type { EffectBody, PromiseBody, PromiseHelpers, RunHosted, ScriptBody, ScriptHost } from "./TestDefinition.ts"

export interface RunScriptOptions extends ScriptHost {
  /** A hosted script comes opened. */
  readonly body: ScriptBody | RunHosted
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))

/** Errors of the handle pass as they are, whichever copy of this package made them; all else is the script's own. */
const asFailure = (error: unknown): TestFailure | MachineError =>
  error instanceof TestFailure || error instanceof MachineError ? error : scriptThrew(error)

const logLine = (text: string, step: string | undefined): EventBody => ({
  _tag: "Log",
  level: "info",
  text,
  ...(step === undefined ? {} : { step })
})

const runEffectScript = (options: RunScriptOptions, body: EffectBody) =>
  Effect.suspend(() => {
    const group = makeMachineGroup(options.machines)
    return body.script({
      ...options.machines,
      machines: options.machines,
      subtest: (title, part) => options.steps.step({ kind: "subtest", title }, () => part),
      log: (text) => Effect.flatMap(CurrentStep, (step) => options.bus.publish(logLine(text, step))),
      ...group
    })
  })

/** What a script in Promise style is given: its machines by name, and the helpers. */
export const promiseContext = (host: ScriptHost, run: RunPromise): PromiseHelpers<string> => {
  const group = makeMachineGroup(host.machines)
  const machines: Readonly<Record<string, PromiseMachine>> = mapValues(host.machines, (machine) =>
    promiseMachine(machine, run)
  )
  return {
    ...machines,
    machines,
    subtest: (title, part) => run(host.steps.step({ kind: "subtest", title }, () => run.call(part))),
    log: (text) => host.bus.publishUnsafe(logLine(text, run.currentStep())),
    startAll: () => run(group.startAll()),
    checkpointAll: () => run(group.checkpointAll()),
    restoreAll: (checkpoints) => run(group.restoreAll(checkpoints))
  }
}

const runPromiseScript = Effect.fnUntraced(function* (options: RunScriptOptions, body: PromiseBody) {
  const run = yield* makeRunPromise
  yield* run.call(() => body.script(promiseContext(options, run)))
})

/** Runs the script to its end; an exception, a rejection and a call of `process.exit` are failures of the test. */
export const runScript = (options: RunScriptOptions): Effect.Effect<void, TestFailure | MachineError> => {
  const { body } = options
  if (typeof body === "function") return body(options)
  const script =
    body.style === "effect" ? runEffectScript(options, body) : Effect.scoped(runPromiseScript(options, body))
  return guardScript(script).pipe(
    Effect.catch((error) => Effect.fail(asFailure(error))),
    Effect.catchDefect((defect) => Effect.fail(asFailure(defect))),
    Effect.asVoid
  )
}
