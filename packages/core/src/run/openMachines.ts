/**
 * From a spec to machines that can be started: accelerator, images, plan, and a handle for each machine. Everything ends with the Scope.
 *
 * It is what a test, an interactive shell and a library's user have in common.
 */
import * as Effect from "effect/Effect"
import { EventBus } from "../events/EventBus.ts"
import { makeRunDirectory } from "../host/RunDirectory.ts"
import { removeStaleRuns } from "../host/StaleRuns.ts"
import { planTest } from "../plan/planTest.ts"
import type { TestPlan } from "../plan/TestPlan.ts"
import { Accelerator } from "../qemu/Accelerator.ts"
import type { TestSpec } from "../spec/TestSpec.ts"
import { checkPaths } from "./checkPaths.ts"
import { fetchImages } from "./fetchImages.ts"
import { hostFacts } from "./hostFacts.ts"
import { placeAgent } from "./placeAgent.ts"
import type { RunMachine } from "./RunMachine.ts"
import { makeRunMachine } from "./RunMachine.ts"
import { makeSpeedFactor } from "./SpeedFactor.ts"
import { UsageError } from "./UsageError.ts"

export interface OpenMachinesOptions {
  readonly spec: TestSpec
  /** Absolute; what the spec's relative paths start from. */
  readonly baseDirectory: string
  /** Absolute; where copies to the host go. */
  readonly outputDirectory: string
}

export interface OpenedMachines {
  readonly plan: TestPlan
  /** In the plan's order; none of them is started. */
  readonly machines: ReadonlyArray<RunMachine>
}

const planRun = Effect.fnUntraced(function* (options: OpenMachinesOptions) {
  const bus = yield* EventBus
  const { spec, baseDirectory } = options
  const stale = yield* removeStaleRuns
  if (stale.length > 0) {
    yield* bus.publish({ _tag: "Notice", topic: "host", text: `removed what ${stale.length} crashed runs left behind` })
  }
  const accelerator = yield* Accelerator
  const choice = yield* accelerator.choose(spec.accel)
  yield* bus.publish({ _tag: "Notice", topic: "accelerator", text: `${choice.accelerator.toUpperCase()}: ${choice.why}` })
  const host = yield* hostFacts(choice.accelerator)
  const images = yield* fetchImages({ spec, baseDirectory, host })
  const runDirectory = yield* makeRunDirectory()
  const agent = yield* placeAgent({ runDirectory, architecture: host.architecture })
  const plan = yield* Effect.fromResult(planTest({ spec, images, host, runDirectory, baseDirectory, agent }))
  yield* checkPaths(plan.requiredPaths)
  if (plan.networks.length > 0) {
    return yield* new UsageError({
      text: `networks: this version connects no machines yet: ${plan.networks.map((network) => network.name).join(", ")}`,
      hint: 'leave "networks" out; a machine reaches the internet with "internet": true and is reached by forwardPort()'
    })
  }
  for (const machine of plan.machines) {
    yield* bus.publish({
      _tag: "MachinePlanned",
      machine: machine.name,
      image: machine.image.id,
      memoryBytes: machine.memoryBytes,
      cpus: machine.cpus,
      accelerator: machine.accelerator
    })
    for (const quirk of machine.quirks) {
      yield* bus.publish({ _tag: "Notice", topic: "quirk", machine: machine.name, text: quirk.why })
    }
  }
  return { plan, accelerator: choice.accelerator }
})

/** Prepares a spec's machines; they start when they are first used, or by `power.start`. */
export const openMachines = Effect.fn("run.openMachines")(function* (options: OpenMachinesOptions) {
  const { plan, accelerator } = yield* planRun(options)
  const speed = makeSpeedFactor(accelerator)
  const machines = yield* Effect.forEach(plan.machines, (machine) =>
    makeRunMachine({ plan: machine, limits: plan.limits, speed, outputDirectory: options.outputDirectory })
  )
  const opened: OpenedMachines = { plan, machines }
  return opened
})
