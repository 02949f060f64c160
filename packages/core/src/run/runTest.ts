/**
 * Runs one test from its spec to its verdict: images, plan, machines, script, and an orderly end of all of them. Everything that happens is
 * an event; the result is the verdict.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Failure, Verdict } from "../events/Event.ts"
import { EventBus } from "../events/EventBus.ts"
import { Steps } from "../machine/Steps.ts"
import type { NetworkSwitch } from "../net/NetworkSwitch.ts"
import type { TestPlan } from "../plan/TestPlan.ts"
import { runLimited } from "../script/runLimited.ts"
import type { RunScriptOptions } from "../script/runScript.ts"
import type { ScriptHost, TestBody } from "../script/TestDefinition.ts"
import { addMachine } from "./addMachine.ts"
import { blameEmulation } from "./blameEmulation.ts"
import { failureOf } from "./failureOf.ts"
import type { OpenMachinesOptions } from "./openMachines.ts"
import { openMachines } from "./openMachines.ts"
import type { RunMachine } from "./RunMachine.ts"
import { withLastWords } from "./withLastWords.ts"

export interface RunTestOptions extends OpenMachinesOptions {
  readonly body: TestBody
  /** Version of the driver, for the report. */
  readonly driver: string
  /** A failed subtest does not end the script; all that failed is told at its end. Default false. */
  readonly keepGoing?: boolean | undefined
}

export interface RunResult {
  readonly verdict: Verdict
  readonly failures: ReadonlyArray<Failure>
}

interface RunBodyOptions extends Pick<RunTestOptions, "keepGoing"> {
  readonly body: RunScriptOptions["body"]
  readonly isAttended: boolean
  readonly plan: TestPlan
  readonly machines: ReadonlyArray<RunMachine>
  readonly addMachine: ScriptHost["addMachine"]
}

const runBody = Effect.fnUntraced(function* (options: RunBodyOptions) {
  const { body, isAttended, plan, machines, addMachine, keepGoing } = options
  yield* runLimited({
    body,
    keepGoing,
    addMachine,
    machines: Object.fromEntries(machines.map(({ machine }) => [machine.name, machine])),
    limitMs: isAttended ? undefined : Duration.toMillis(plan.limits.test.duration),
    bus: yield* EventBus,
    steps: yield* Steps
  })
})

/** Machines start while the script begins: it waits where it first needs one. */
const startAll = (machines: ReadonlyArray<RunMachine>) =>
  Effect.forEach(machines, ({ power }) => Effect.ignore(power.start), { concurrency: "unbounded", discard: true })

/** Networks that can't be relied on any more end the script. */
const onNetworks = <A, E, R>(script: Effect.Effect<A, E, R>, networks: NetworkSwitch | undefined) =>
  networks === undefined ? script : Effect.raceFirst(script, networks.failure)

const runScripted = Effect.fnUntraced(function* (options: RunTestOptions) {
  const { body: given } = options
  const opening = given.style === "hosted" ? given.open : Effect.succeed(given)
  const [{ plan, machines, networks }, body] = yield* Effect.all([openMachines(options), opening], {
    concurrency: "unbounded"
  })
  const starting = yield* Effect.forkChild(startAll(machines))
  const isAttended = given.style === "hosted" && given.isAttended === true
  const services = yield* Effect.context<Effect.Services<ReturnType<typeof addMachine>>>()
  const script = runBody({
    body,
    isAttended,
    plan,
    machines,
    keepGoing: options.keepGoing,
    addMachine: (name, spec) =>
      Effect.flatMap(Effect.scope, (scope) =>
        addMachine(options, name, spec).pipe(Scope.provide(scope), Effect.provideContext(services))
      )
  })
  const explained = withLastWords(blameEmulation(onNetworks(script, networks), machines), machines)
  const exit = yield* Effect.exit(explained).pipe(
    // Before the machines' scopes close, or a start that is under way would see its QEMU die.
    Effect.ensuring(Fiber.interrupt(starting))
  )
  const back = yield* Effect.exit(
    Effect.forEach(machines, ({ bringBack }) => bringBack, { concurrency: "unbounded", discard: true })
  )
  if (Exit.isSuccess(exit)) {
    yield* back
    yield* Effect.forEach(machines, ({ profile }) => profile, { concurrency: "unbounded", discard: true })
  }
  return yield* exit
})

const verdicts = {
  test: "failed",
  infrastructure: "infrastructure",
  usage: "usage",
  interrupted: "interrupted"
} as const satisfies Record<Failure["kind"], Verdict>

/** What is no fault of the test's own outweighs what is. */
const worstOf = (failures: ReadonlyArray<Failure>): Verdict =>
  verdicts[(failures.find(({ kind }) => kind !== "test") ?? { kind: "test" as const }).kind]

const interrupted: Failure = {
  kind: "interrupted",
  tag: "Interrupted",
  message: "the run was interrupted",
  frames: [],
  evidence: []
}

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): RunResult => {
  if (Exit.isSuccess(exit)) return { verdict: "passed", failures: [] }
  if (Cause.hasInterruptsOnly(exit.cause)) return { verdict: "interrupted", failures: [interrupted] }
  const thrown = exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)
  const failures = (thrown.length === 0 ? [Cause.squash(exit.cause)] : thrown).map((error) =>
    failureOf(error instanceof Error ? error : new Error(String(error)))
  )
  return { verdict: worstOf(failures), failures }
}

/** Runs a test; never fails: whatever goes wrong is the verdict. Machines are gone when it returns. */
export const runTest = Effect.fn("run.runTest")(function* (options: RunTestOptions) {
  const bus = yield* EventBus
  const startedAt = performance.now()
  yield* bus.publish({
    _tag: "RunStarted",
    runId: new Date().toISOString().replaceAll(/[:.]/gu, "-"),
    name: options.spec.name,
    machines: Object.keys(options.spec.machines),
    driver: options.driver
  })
  const finish = (exit: Exit.Exit<unknown, unknown>) => {
    const result = outcomeOf(exit)
    return Effect.as(bus.publish({ _tag: "RunFinished", ...result, durationMs: performance.now() - startedAt }), result)
  }
  const run = Effect.scoped(runScripted(options))
  return yield* Effect.uninterruptibleMask((restore) => Effect.flatMap(Effect.exit(restore(run)), finish))
})
