/** Runs a test's script against the machines of a run; every way in which a script can end is an outcome here. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { EventBody } from "../events/Event.ts"
import { MachineError } from "../machine/MachineError.ts"
import { makeMachineGroup } from "../machine/MachineGroup.ts"
import type { OperationError } from "../machine/MachineContext.ts"
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
  /** A failed subtest does not end the script; all that failed is told at its end. Default false. */
  readonly keepGoing?: boolean | undefined
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))

/** Errors of the handle pass as they are, whichever copy of this package made them; all else is the script's own. */
const asFailure = (error: unknown): TestFailure | MachineError =>
  error instanceof TestFailure || error instanceof MachineError ? error : scriptThrew(error)

/** Fails with all of the failures at once, if there are any. */
export const failWithAll = (failures: ReadonlyArray<OperationError>): Effect.Effect<void, OperationError> =>
  failures.length === 0
    ? Effect.void
    : Effect.failCause(Cause.fromReasons(failures.map((failure) => Cause.makeFailReason(failure))))

const logLine = (text: string, step: string | undefined): EventBody => ({
  _tag: "Log",
  level: "info",
  text,
  ...(step === undefined ? {} : { step })
})

/** Runs a part of the test. Where its failure is heard, the script goes on. */
const subtestOf =
  ({ steps, onFailedSubtest }: ScriptHost) =>
  <A, E, R>(title: string, part: Effect.Effect<A, E, R>): Effect.Effect<A | undefined, E, Exclude<R, never>> => {
    const step = steps.step({ kind: "subtest", title }, () => part)
    if (onFailedSubtest === undefined) return step
    return Effect.catchCause(step, (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
      onFailedSubtest(asFailure(Cause.squash(cause)))
      return Effect.succeed(undefined)
    })
  }

const runEffectScript = (options: RunScriptOptions, body: EffectBody) =>
  Effect.suspend(() => {
    const group = makeMachineGroup(options.machines)
    return body.script({
      ...options.machines,
      machines: options.machines,
      subtest: subtestOf(options),
      log: (text) => Effect.flatMap(CurrentStep, (step) => options.bus.publish(logLine(text, step))),
      ...group
    })
  })

/** What a script in Promise style is given: its machines by name, and the helpers. */
export const promiseContext = (host: ScriptHost, run: RunPromise): PromiseHelpers<string> => {
  const group = makeMachineGroup(host.machines)
  const subtest = subtestOf(host)
  const machines: Readonly<Record<string, PromiseMachine>> = mapValues(host.machines, (machine) =>
    promiseMachine(machine, run)
  )
  return {
    ...machines,
    machines,
    subtest: (title, part) => run(subtest(title, run.call(part))),
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
  const failed: Array<OperationError> = []
  const host =
    options.keepGoing === true ? { ...options, onFailedSubtest: (it: OperationError) => failed.push(it) } : options
  const script = body.style === "effect" ? runEffectScript(host, body) : Effect.scoped(runPromiseScript(host, body))
  return guardScript(script).pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      failed.push(asFailure(Cause.squash(cause)))
      return Effect.void
    }),
    Effect.andThen(Effect.suspend(() => failWithAll(failed)))
  )
}
