/** Makes the templates that a test's machines start from, and writes them to a folder that can be taken elsewhere. */
import * as path from "node:path"
import { readAgentBinary } from "@nix-vm-test/agent/AgentBinary"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { hostCpu } from "../host/hostCpu.ts"
import * as HostTree from "../host/HostTree.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import { templateIdentity, templateKey } from "../plan/templateArguments.ts"
import type { TestPlan } from "../plan/TestPlan.ts"
import { Qemu } from "../qemu/Qemu.ts"
import type { TestSpec } from "../spec/TestSpec.ts"
import { contentKey } from "../store/contentKey.ts"
import { shipTemplate } from "../store/ShippedTemplate.ts"
import { makeTemplate, templateTitle } from "./makeTemplate.ts"
import { openMachines } from "./openMachines.ts"
import { makeSpeedFactor } from "./SpeedFactor.ts"
import type { TemplateHost } from "./TemplateChoice.ts"
import { UsageError } from "./UsageError.ts"

export interface ShipTemplatesOptions {
  readonly spec: TestSpec
  /** Absolute; what the spec's relative paths start from. */
  readonly baseDirectory: string
  /** Absolute path of a folder that is not there yet. */
  readonly folder: string
}

export interface Shipped {
  /** Absolute. */
  readonly folder: string
  readonly title: string
}

/** This host, as templates know it. */
export const templateHost = Effect.gen(function* () {
  const { buildId, architecture } = yield* Qemu
  const { sha256 } = yield* Effect.promise(() => readAgentBinary(architecture))
  const host: TemplateHost = { qemuBuildId: buildId, agentDigest: sha256, hostCpu: yield* hostCpu }
  return host
})

const makeAndShip = Effect.fnUntraced(function* (options: {
  readonly machine: MachinePlan
  readonly host: TemplateHost
  readonly limits: TestPlan["limits"]
  readonly folder: string
}) {
  const { machine, host, limits, folder } = options
  const { image } = machine.disk
  if (image.installedAgent && machine.image.facts.entry === "nocloud") {
    return yield* new UsageError({
      text: `${machine.image.id} is prepared by a boot of its own on each host: a template of it would fit no other`,
      hint: "start such machines from templates that each host makes itself"
    })
  }
  const identity = templateIdentity({ ...host, plan: machine })
  const speedFactor = makeSpeedFactor(machine.accelerator).factor()
  const bootMs = Duration.toMillis(limits.boot.duration) * (limits.boot.scales ? speedFactor : 1)
  const template = yield* makeTemplate({ plan: machine, key: templateKey(identity), bootMs, speedFactor })
  const { imageTool, version } = yield* Qemu
  const title = templateTitle(machine)
  const manifest = {
    title,
    qemu: version.text,
    memoryBytes: machine.memoryBytes,
    identity: { ...identity, image: yield* contentKey(image) }
  }
  yield* shipTemplate({ template, manifest, folder, imageTool })
  const shipped: Shipped = { folder, title }
  return shipped
})

/** One machine of each shape; those that always boot have no template. */
const distinct = (machines: ReadonlyArray<MachinePlan>, host: TemplateHost): ReadonlyArray<MachinePlan> => {
  const clones = machines.filter(({ start }) => start !== "cold").toReversed()
  return [...new Map(clones.map((machine) => [templateKey(templateIdentity({ ...host, plan: machine })), machine]))]
    .map(([, machine]) => machine)
    .toReversed()
}

/** Writes a template to the folder, or where the machines have several shapes, one to a folder in it for each. */
export const shipTemplates = Effect.fn("run.shipTemplates")(function* (options: ShipTemplatesOptions) {
  const { spec, baseDirectory, folder } = options
  if (yield* HostTree.exists(folder)) {
    return yield* new UsageError({ text: `${folder} is there already`, hint: "name a folder that is not there yet" })
  }
  const { plan } = yield* openMachines({ spec, baseDirectory })
  const host = yield* templateHost
  const machines = distinct(plan.machines, host)
  const place = (machine: MachinePlan): string => (machines.length === 1 ? folder : path.join(folder, machine.name))
  return yield* Effect.forEach(machines, (machine) =>
    makeAndShip({ machine, host, limits: plan.limits, folder: place(machine) })
  )
}, Effect.scoped)
