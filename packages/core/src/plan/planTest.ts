/** A test's plan from its spec, its stored images and the host; pure. */
import * as path from "node:path"
import * as Result from "effect/Result"
import { defaultTimeouts, type TestSpec } from "../spec/TestSpec.ts"
import { machineNumbers, networkNumbers, networkPrefixes } from "./addresses.ts"
import type { HostFacts } from "./HostFacts.ts"
import type { MachinePlan } from "./MachinePlan.ts"
import type { NetworkPlan } from "./NetworkPlan.ts"
import type { PackagesPlan } from "./PackagesPlan.ts"
import { PlanError } from "./PlanError.ts"
import { planMachine } from "./planMachine.ts"
import type { SharePlan } from "./SharePlan.ts"
import type { StoredImage } from "./StoredImage.ts"
import type { PlannedLimit, RequiredPath, TestPlan } from "./TestPlan.ts"

export interface PlanTestOptions {
  readonly spec: TestSpec
  /** By machine. */
  readonly images: Readonly<Record<string, StoredImage>>
  readonly host: HostFacts
  /** Absolute, short (sockets lie in it), and the run's own. */
  readonly runDirectory: string
  /** Absolute; what the spec's relative paths start from. */
  readonly baseDirectory: string
  readonly agent: {
    /** Absolute path of the disk with the agent's program. */
    readonly disk: string
    /** Text of the agent's systemd unit. */
    readonly unit: string
  }
}

const planNetworks = (spec: TestSpec): ReadonlyArray<NetworkPlan> => {
  const numbers = networkNumbers(Object.keys(spec.networks))
  return Object.entries(spec.networks)
    .map(([name, network]) => {
      const number = numbers.get(name) ?? 0
      return { name, number, mtu: network.mtu, ...networkPrefixes({ network, number }) }
    })
    .toSorted((left, right) => left.number - right.number)
}

const planLimits = (spec: TestSpec): TestPlan["limits"] => {
  const limit = (name: keyof typeof defaultTimeouts): PlannedLimit => {
    const own = spec.timeouts[name]
    return { duration: own ?? defaultTimeouts[name], scales: own === undefined }
  }
  return { test: limit("test"), boot: limit("boot"), command: limit("command"), shutdown: limit("shutdown") }
}

const requiredOf = (machine: string, { content, mountTag, ofTheRun }: SharePlan): ReadonlyArray<RequiredPath> => {
  if ("closureInfo" in content) {
    const namedBy = `machines.${machine}.extraPathsToRegister`
    return content.closureInfo.map((info) => ({ path: info, namedBy, kind: "closure", storeDir: content.storeDir }))
  }
  return ofTheRun
    ? []
    : [{ path: content.folder, namedBy: `machines.${machine}.shares.${mountTag}`, kind: "directory" }]
}

/** What is downloaded is looked at once it is there. */
const requiredPackages = ({ format, sources }: PackagesPlan): ReadonlyArray<RequiredPath> =>
  sources.flatMap(({ path: where, namedBy, pin }) =>
    pin === undefined ? [{ path: where, namedBy, kind: "packages", format }] : []
  )

const requiredPaths = (
  machines: ReadonlyArray<MachinePlan>,
  script: TestPlan["script"]
): ReadonlyArray<RequiredPath> => [
  ...machines.flatMap((machine) => [
    ...machine.shares.flatMap((share) => requiredOf(machine.name, share)),
    ...machine.files.flatMap(({ path: target, content }) =>
      "source" in content
        ? [{ path: content.source, namedBy: `machines.${machine.name}.files["${target}"]`, kind: "any" as const }]
        : []
    ),
    ...(machine.packages === undefined ? [] : requiredPackages(machine.packages))
  ]),
  ...(script !== undefined && "file" in script ? [{ path: script.file, namedBy: "script", kind: "any" as const }] : [])
]

const hostLines = (machines: ReadonlyArray<MachinePlan>): TestPlan["hosts"] =>
  machines.flatMap(({ name, nics: [first] }) =>
    first === undefined ? [] : [{ name, addresses: [first.ipv4.address, first.ipv6.address] }]
  )

/** The test's plan, or the first reason why it can't be run like this. */
export const planTest = (options: PlanTestOptions): Result.Result<TestPlan, PlanError> =>
  Result.gen(function* () {
    const { spec, images, host, runDirectory, baseDirectory, agent } = options
    const networks = planNetworks(spec)
    const machines: Array<MachinePlan> = []
    for (const [name, index] of machineNumbers(Object.keys(spec.machines))) {
      const machine = spec.machines[name]
      const image = images[name]
      if (machine === undefined || image === undefined) {
        return yield* Result.fail(new PlanError({ reason: { _tag: "ImageNotStored", machine: name } }))
      }
      const joined = machine.networks.flatMap((wanted) => networks.filter((network) => network.name === wanted))
      machines.push(
        yield* planMachine({
          name,
          index,
          spec: machine,
          image,
          networks: joined,
          host,
          runDirectory,
          baseDirectory,
          agent
        })
      )
    }
    const script =
      spec.script !== undefined && "file" in spec.script
        ? { file: path.resolve(baseDirectory, spec.script.file) }
        : spec.script
    return {
      name: spec.name,
      machines,
      networks,
      hosts: hostLines(machines),
      script,
      limits: planLimits(spec),
      requiredPaths: requiredPaths(machines, script),
      runDirectory
    }
  })
