/** One machine's plan from its spec, its stored image and the host; pure. */
import * as path from "node:path"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import type { DiskSize } from "../spec/ByteSize.ts"
import type { FileSpec, MachineSpec } from "../spec/MachineSpec.ts"
import { addressIn, macAddress } from "./addresses.ts"
import { planEntry } from "./entry/EntryPlan.ts"
import type { HostFacts } from "./HostFacts.ts"
import type { FilePlan, MachinePlan, NicPlan, RootDiskPlan } from "./MachinePlan.ts"
import type { NetworkPlan } from "./NetworkPlan.ts"
import { PlanError, type PlanErrorReason } from "./PlanError.ts"
import { planPackages } from "./planPackages.ts"
import { planRegistration, planShares, type PlanSharesOptions } from "./planShares.ts"
import { baseArguments, testArguments } from "./qemuArguments.ts"
import { applyQuirks } from "./quirks.ts"
import type { SharePlan } from "./SharePlan.ts"
import type { StoredImage } from "./StoredImage.ts"

const mebibyte = 1024 ** 2
const sector = 512
/** Slots of the `pc` machine's bus that are left beside its own and the base's devices, one kept for later hot-plug. */
const testDeviceLimit = 21
/** One byte of the kernel's 108 is the closing zero; the rest is room for other systems' shorter limits (macOS: 104). */
const socketPathLimit = 99

const fail = (reason: PlanErrorReason): Result.Result<never, PlanError> => Result.fail(new PlanError({ reason }))

export interface PlanMachineOptions {
  readonly name: string
  readonly index: number
  readonly spec: MachineSpec
  readonly image: StoredImage
  /** Those that the machine is plugged into, in the order of its interfaces. */
  readonly networks: ReadonlyArray<NetworkPlan>
  readonly host: HostFacts
  readonly runDirectory: string
  readonly baseDirectory: string
  readonly agent: { readonly disk: string; readonly unit: string }
}

/** A path in the run directory that a socket can have. */
const socketIn = (directory: string, name: string): Result.Result<string, PlanError> => {
  const socket = path.join(directory, name)
  return Buffer.byteLength(socket) > socketPathLimit
    ? fail({ _tag: "SocketPathTooLong", path: socket, limit: socketPathLimit })
    : Result.succeed(socket)
}

const roundUp = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit

const planDisk = (options: {
  readonly machine: string
  readonly image: StoredImage
  readonly overlay: string
  readonly size: DiskSize | undefined
}): Result.Result<RootDiskPlan, PlanError> => {
  const { machine, image, overlay, size } = options
  const wanted = size === undefined ? image.virtualSize : size.relative ? image.virtualSize + size.bytes : size.bytes
  return wanted < image.virtualSize
    ? fail({ _tag: "DiskTooSmall", machine, wanted, image: image.virtualSize })
    : Result.succeed({ image, overlay, bytes: roundUp(wanted, sector), grows: wanted > image.virtualSize })
}

const planBoot = (options: PlanMachineOptions): Result.Result<MachinePlan["boot"], PlanError> => {
  const { name: machine, image, host } = options
  const { mode, kernelArgs } = options.spec.boot
  const direct = image.kernel !== undefined && mode !== "disk"
  if (!direct && mode === "kernel") return fail({ _tag: "NoKernel", machine })
  if (!direct && mode !== "kernel" && kernelArgs.length > 0) return fail({ _tag: "KernelArgsUnused", machine, mode })
  if (!direct && host.architecture !== "x86_64")
    return fail({ _tag: "NoFirmware", machine, architecture: host.architecture })
  return Result.succeed(direct ? "kernel" : "disk")
}

const planNic = (options: {
  readonly machine: PlanMachineOptions
  readonly network: NetworkPlan
  readonly position: number
}): Result.Result<NicPlan, PlanError> =>
  Result.gen(function* () {
    const { machine, network, position } = options
    const address = (prefix: IpNetwork.Ipv4Network | IpNetwork.Ipv6Network) => {
      const found = addressIn({ network: prefix, machine: machine.index })
      return found === undefined
        ? fail({
            _tag: "AddressesExhausted",
            machine: machine.name,
            network: network.name,
            prefix: IpNetwork.format(prefix)
          })
        : Result.succeed(found)
    }
    return {
      network: network.name,
      id: `nic${position + 1}`,
      mac: macAddress({ network: network.number, machine: machine.index }),
      socket: yield* socketIn(machine.runDirectory, `m${machine.index}.n${network.number}`),
      ipv4: yield* address(network.ipv4),
      ipv6: yield* address(network.ipv6),
      mtu: network.mtu
    }
  })

const planFile = (target: string, file: FileSpec, baseDirectory: string): FilePlan => ({
  path: target,
  content: "text" in file ? { text: file.text } : { source: path.resolve(baseDirectory, file.source) },
  mode: file.mode
})

const checkDevices = (
  options: PlanMachineOptions,
  shares: ReadonlyArray<SharePlan>
): Result.Result<void, PlanError> => {
  const { name: machine, spec, host, networks } = options
  const devices =
    networks.length + shares.filter(({ by }) => by._tag !== "copy").length + Object.keys(spec.disks).length
  if (networks.length > 0 && !host.streamNetdev) {
    return fail({ _tag: "NetworksUnsupported", machine, qemu: Object.values(host.qemuVersion).join(".") })
  }
  return devices > testDeviceLimit
    ? fail({ _tag: "TooManyDevices", machine, devices, limit: testDeviceLimit })
    : Result.void
}

/**
 * The host's own processor, or all that QEMU can emulate but two promises: that `rep movsb` is quick (`erms`, `fsrm`). Emulated, it takes a step
 * for each byte, and a kernel without the promise copies 8 bytes in a step.
 */
const processorModel = (host: HostFacts): string => {
  if (host.accelerator === "kvm") return "host"
  return host.architecture === "x86_64" ? "max,-erms,-fsrm" : "max"
}

/** The machine's plan, or why it can't be. */
export const planMachine = (options: PlanMachineOptions): Result.Result<MachinePlan, PlanError> =>
  Result.gen(function* () {
    const { name, index, spec, image, host, runDirectory, baseDirectory } = options
    if (image.image.architecture !== host.architecture) {
      return yield* fail({
        _tag: "WrongArchitecture",
        machine: name,
        image: image.image.architecture,
        host: host.architecture
      })
    }
    const file = (ending: string) => path.join(runDirectory, `m${index}.${ending}`)
    const sharing: PlanSharesOptions = {
      machine: name,
      spec,
      image: image.image,
      host,
      baseDirectory,
      exchange: { shared: path.join(runDirectory, "shared-xchg"), own: file("xchg") },
      file,
      socket: (ending) => socketIn(runDirectory, `m${index}.${ending}`)
    }
    const shares = yield* planShares(sharing)
    yield* checkDevices(options, shares)
    const { processor, applied } = applyQuirks({
      host,
      image,
      processor: { cpus: spec.cpus, model: processorModel(host) }
    })
    const nics: Array<NicPlan> = []
    for (const [position, network] of options.networks.entries()) {
      nics.push(yield* planNic({ machine: options, network, position }))
    }
    const machine: Omit<MachinePlan, "devices" | "argv"> = {
      name,
      index,
      image: image.image,
      memoryBytes: roundUp(spec.memory, mebibyte),
      cpus: processor.cpus,
      accelerator: host.accelerator,
      cpuModel: processor.model,
      quirks: applied,
      sockets: {
        qmp: yield* socketIn(runDirectory, `m${index}.qmp`),
        agent: yield* socketIn(runDirectory, `m${index}.agent`),
        console: yield* socketIn(runDirectory, `m${index}.console`)
      },
      disk: yield* planDisk({ machine: name, image, overlay: file("qcow2"), size: spec.diskSize }),
      extraDisks: Object.entries(spec.disks).map(([disk, { size }]) => ({
        name: disk,
        path: file(`${disk}.qcow2`),
        bytes: roundUp(size, sector)
      })),
      nics,
      shares,
      exchange: spec.exchange ? sharing.exchange : undefined,
      registration: planRegistration(sharing),
      files: Object.entries(spec.files).map(([target, content]) => planFile(target, content, baseDirectory)),
      packages: yield* planPackages({ machine: name, spec, image: image.image, baseDirectory, runDirectory }),
      forwardPorts: spec.forwardPorts.map(({ guest, host: hostPort = 0 }) => ({ guest, host: hostPort })),
      internet: spec.internet,
      // A clone can't have virtiofs.
      start: shares.some(({ by }) => by._tag === "virtiofs") ? "cold" : spec.start,
      boot: yield* planBoot(options),
      selinux: spec.selinux,
      entry: planEntry({ image, unit: options.agent.unit, seedPath: file("seed") })
    }
    const base = baseArguments({ machine, host, agentDisk: options.agent.disk, kernelArgs: spec.boot.kernelArgs })
    const test = testArguments(machine)
    return { ...machine, devices: { base, test }, argv: [...base, ...test] }
  })
