/**
 * From a spec to machines that can be started: accelerator, images, plan, and a handle for each machine. Everything ends with the Scope.
 *
 * It is what a test, an interactive shell and a library's user have in common.
 */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { EventBus } from "../events/EventBus.ts"
import { hostCpu } from "../host/hostCpu.ts"
import * as HostTree from "../host/HostTree.ts"
import { makeRunDirectory } from "../host/RunDirectory.ts"
import { removeStaleRuns } from "../host/StaleRuns.ts"
import type { HostFacts } from "../plan/HostFacts.ts"
import { planTest } from "../plan/planTest.ts"
import type { TestPlan } from "../plan/TestPlan.ts"
import { Accelerator } from "../qemu/Accelerator.ts"
import { Qemu } from "../qemu/Qemu.ts"
import type { TestSpec } from "../spec/TestSpec.ts"
import { announceRun } from "../store/livingRuns.ts"
import { checkPaths } from "./checkPaths.ts"
import { fetchImages } from "./fetchImages.ts"
import { fetchPackages } from "./fetchPackages.ts"
import { hostFacts } from "./hostFacts.ts"
import { placeAgent } from "./placeAgent.ts"
import type { NetworkSwitch } from "../net/NetworkSwitch.ts"
import type { RunMachine } from "./RunMachine.ts"
import { makeRunMachine } from "./RunMachine.ts"
import { makeSpeedFactor } from "./SpeedFactor.ts"
import { startNetworks } from "./startNetworks.ts"
import { chooseTemplates, givenTemplates } from "./TemplateChoice.ts"

export interface OpenMachinesOptions {
  readonly spec: TestSpec
  /** Absolute; what the spec's relative paths start from. */
  readonly baseDirectory: string
  /** Absolute; where copies to the host go. Default: a folder that is gone with the run. */
  readonly outputDirectory?: string | undefined
  /** Folders of templates that were made ahead; beside them `$NIX_VM_TEST_TEMPLATES` names some. */
  readonly templates?: ReadonlyArray<string> | undefined
}

export interface OpenedMachines {
  readonly plan: TestPlan
  /** In the plan's order; none of them is started. */
  readonly machines: ReadonlyArray<RunMachine>
  /** The switches of the test's networks, where it has any. */
  readonly networks: NetworkSwitch | undefined
}

const removedText = (stale: ReadonlyArray<string>): string =>
  `removed what ${stale.length === 1 ? "a crashed run" : `${stale.length} crashed runs`} left behind: ${stale.join(", ")}`

/** Makes room: what crashed runs left may be large. */
const sweep = Effect.gen(function* () {
  const stale = yield* removeStaleRuns
  if (stale.length === 0) return
  yield* (yield* EventBus).publish({ _tag: "Notice", topic: "host", text: removedText(stale) })
})

/** The images of the test's machines, as guests of the accelerator that is chosen for them. */
const getImages = Effect.fnUntraced(function* ({ spec, baseDirectory }: OpenMachinesOptions) {
  const accelerator = yield* Accelerator
  const choice = yield* accelerator.choose(spec.accel)
  yield* (yield* EventBus).publish({
    _tag: "Notice",
    topic: "accelerator",
    text: `${choice.accelerator.toUpperCase()}: ${choice.why}`
  })
  const host = yield* hostFacts(choice.accelerator)
  return { host, images: yield* fetchImages({ spec, baseDirectory, host }) }
})

const makePlace = Effect.gen(function* () {
  const { architecture } = yield* Qemu
  const runDirectory = yield* makeRunDirectory()
  return { runDirectory, agent: yield* placeAgent({ runDirectory, architecture }) }
})

const planRun = Effect.fnUntraced(function* (options: OpenMachinesOptions) {
  const bus = yield* EventBus
  const { spec, baseDirectory } = options
  yield* announceRun
  const [{ host, images }, { runDirectory, agent }] = yield* Effect.all([getImages(options), makePlace, sweep], {
    concurrency: "unbounded"
  })
  const planUnder = (facts: HostFacts) =>
    Effect.fromResult(planTest({ spec, images, host: facts, runDirectory, baseDirectory, agent }))
  const plan = yield* planUnder(host)
  const mayFallBack = spec.accel === "auto" && host.accelerator === "kvm"
  const emulated = mayFallBack ? yield* planUnder({ ...host, accelerator: "tcg" }) : undefined
  yield* checkPaths(plan.requiredPaths)
  yield* Effect.forEach(plan.machines, fetchPackages, { discard: true })
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
    for (const share of machine.shares) {
      yield* bus.publish({ _tag: "Notice", topic: "share", machine: machine.name, text: share.told })
    }
  }
  return { plan, emulated, agent, accelerator: host.accelerator }
})

/** Prepares a spec's machines; they start when they are first used, or by `power.start`. */
export const openMachines = Effect.fn("run.openMachines")(function* (options: OpenMachinesOptions) {
  const given = yield* givenTemplates(options.templates ?? [])
  const { plan, emulated, agent, accelerator } = yield* planRun(options)
  const { buildId } = yield* Qemu
  const { markBroken } = yield* Accelerator
  const host = { qemuBuildId: buildId, agentDigest: agent.digest, hostCpu: yield* hostCpu }
  const speed = makeSpeedFactor(accelerator)
  const outputDirectory = options.outputDirectory ?? path.join(plan.runDirectory, "output")
  if (options.outputDirectory === undefined) yield* HostTree.makeDirectory(outputDirectory)
  const choices = yield* chooseTemplates({ machines: plan.machines, host, given })
  const networks = plan.networks.length === 0 ? undefined : yield* startNetworks(plan)
  const machines = yield* Effect.forEach(plan.machines, (machine) => {
    const other = emulated?.machines.find(({ name }) => name === machine.name)
    const fallback = other === undefined ? undefined : { plan: other, worked: markBroken }
    const template = choices.get(machine.name)
    return makeRunMachine({
      plan: machine,
      template,
      fallback,
      limits: plan.limits,
      hosts: plan.hosts,
      speed,
      outputDirectory
    })
  })
  const opened: OpenedMachines = { plan, machines, networks }
  return opened
})
