/** QEMU's arguments for sealing a booted guest as a template, and for cloning it: the same machine, with its RAM in a file. */
import { createHash } from "node:crypto"
import type { MachinePlan } from "./MachinePlan.ts"
import type { TemplateIdentity } from "./TemplateIdentity.ts"

/** Changes when templates of before can't be used any more. */
const templateVersion = 5

/** Id of the RAM's backend. */
const ramId = "ram"

interface RamFile {
  readonly path: string
  /** Shared: what the guest writes is in the file. Private: it is this process's alone. */
  readonly mapping: "shared" | "private"
}

/** Pairs of flag and value, "" for a flag without one; no value that a plan makes begins with a hyphen. */
const pairs = (argv: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> => {
  const found: Array<readonly [string, string]> = []
  for (let index = 0; index < argv.length; index++) {
    const flag = argv[index] ?? ""
    const next = argv[index + 1]
    const hasValue = next !== undefined && !next.startsWith("-")
    found.push([flag, hasValue ? next : ""])
    if (hasValue) index++
  }
  return found
}

const flat = (found: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> =>
  found.flatMap(([flag, value]) => (value === "" ? [flag] : [flag, value]))

/** Replaces the guest's memory by a file that is mapped. */
const withRamFile = (argv: ReadonlyArray<string>, memoryBytes: number, ram: RamFile): ReadonlyArray<string> => [
  "-object",
  `memory-backend-file,id=${ramId},size=${memoryBytes},mem-path=${ram.path.replaceAll(",", ",,")},share=${ram.mapping === "shared" ? "on" : "off"}`,
  ...flat(pairs(argv).map(([flag, value]) => [flag, flag === "-machine" ? `${value},memory-backend=${ramId}` : value]))
]

/** For the guest that is sealed: nothing of a test, RAM that stays in the file. */
export const sealArguments = (plan: MachinePlan, ramPath: string): ReadonlyArray<string> =>
  withRamFile(plan.devices.base, plan.memoryBytes, { path: ramPath, mapping: "shared" })

export interface CloneArguments {
  /** Without the test's devices, but with what they are connected to on the host. */
  readonly argv: ReadonlyArray<string>
  /** The test's devices, to be plugged in once the state is loaded: values of `-device`. */
  readonly plugged: ReadonlyArray<string>
}

/** For a clone: RAM private to it, its state still to come, the test's devices apart. */
export const cloneArguments = (plan: MachinePlan, ramPath: string): CloneArguments => {
  const test = pairs(plan.devices.test)
  return {
    argv: [
      ...withRamFile(plan.devices.base, plan.memoryBytes, { path: ramPath, mapping: "private" }),
      ...flat(test.filter(([flag]) => flag !== "-device")),
      "-incoming",
      "defer"
    ],
    plugged: test.filter(([flag]) => flag === "-device").map(([, value]) => value)
  }
}

export interface TemplateInputs {
  readonly plan: MachinePlan
  /** Stands for QEMU's binary. */
  readonly qemuBuildId: string
  /** Digest of the agent's program. */
  readonly agentDigest: string
  /** Stands for the host's processor, which under KVM is the guest's too. */
  readonly hostCpu: string
}

/** Where a value names what only a run has, and what only the host's side of a device has: a template is the same with others. */
const ofTheRun: Readonly<Record<string, RegExp>> = {
  "-chardev": /(?<=,)path=(?:[^,]|,,)*/u,
  "-drive": /(?<=,)file=(?:[^,]|,,)*/u,
  "-netdev": /(?<=,)restrict=[^,]*/u,
  "-device": /(?<=^vmgenid,.*)guid=[^,]*/u
}

/** `-name` is the test's; kernel and initrd lie where the cache is, and come with the image, which the key has already. */
const notOfTheGuest: ReadonlyArray<string> = ["-name", "-kernel", "-initrd"]

/** Everything that a template's guest was made from. */
export const templateIdentity = ({ plan, qemuBuildId, agentDigest, hostCpu }: TemplateInputs): TemplateIdentity => {
  const machine = pairs(plan.devices.base)
    .filter(([flag]) => !notOfTheGuest.includes(flag))
    .map(([flag, value]) => {
      const changing = ofTheRun[flag]
      return [flag, changing === undefined ? value : value.replace(changing, "")] as const
    })
  const cpu = plan.accelerator === "kvm" ? hostCpu : ""
  return { templateVersion, image: plan.disk.image.key, qemuBuildId, agentDigest, cpu, machine }
}

/** Its name in the cache. */
export const templateKey = (identity: TemplateIdentity): string =>
  createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 32)
