/** QEMU's command line from a machine's plan; ids in it are how QMP commands name things later. */
import type { MachinePlan } from "./MachinePlan.ts"
import type { HostFacts } from "./HostFacts.ts"
import { userNetworkMac } from "./addresses.ts"
import type { SharePlan } from "./SharePlan.ts"
import { agentDiskSerial } from "@nix-vm-test/agent/AgentDisk"
import { agentPortName } from "@nix-vm-test/agent/AgentUnit"

/** Id of the user network's backend, for port forwards: `hostfwd_add user0 …`. */
export const userNetworkId = "user0"
/** Id of the root disk's backend, for `block_resize`. */
export const rootDiskId = "root"

/** QEMU splits option values at commas; a doubled comma is a comma. */
const escaped = (value: string): string => value.replaceAll(",", ",,")

const socket = (id: string, path: string): ReadonlyArray<string> => [
  "-chardev",
  `socket,id=${id},path=${escaped(path)},server=on,wait=off`
]

/** `unsafe` ignores flushes: what a crash of the host would lose is a test's throw-away overlay. */
const disk = (options: {
  readonly id: string
  readonly path: string
  readonly format: "qcow2" | "raw"
  readonly readOnly?: boolean
  readonly device?: string
}): ReadonlyArray<string> => [
  "-drive",
  `if=none,id=${options.id},file=${escaped(options.path)},format=${options.format},${
    options.readOnly === true ? "readonly=on" : "cache=unsafe,discard=unmap"
  }`,
  "-device",
  `virtio-blk-pci,drive=${options.id}${options.device ?? ""}`
]

const process = (machine: Pick<MachinePlan, "name">, host: HostFacts): ReadonlyArray<string> => [
  "-name",
  machine.name,
  "-nodefaults",
  "-no-user-config",
  "-display",
  "none",
  "-S",
  // spawn=deny: a guest that breaks out of QEMU can't start a program.
  ...(host.sandbox ? ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"] : [])
]

/** Without graphics the firmware writes to the serial console, and so does a boot loader that asks it to: what fails before a kernel is seen. */
const machineType = (machine: Pick<MachinePlan, "boot">, host: HostFacts): string =>
  machine.boot === "disk" ? `${host.machineType},graphics=off` : host.machineType

/** A virtiofs daemon works in the guest's memory, so it has to be one that can be shared. */
const memory = (
  machine: Pick<MachinePlan, "boot" | "memoryBytes" | "shares">,
  host: HostFacts
): ReadonlyArray<string> =>
  machine.shares.some(({ by }) => by._tag === "virtiofs")
    ? [
        "-object",
        `memory-backend-memfd,id=ram,size=${machine.memoryBytes},share=on`,
        "-machine",
        `${machineType(machine, host)},memory-backend=ram`
      ]
    : ["-machine", machineType(machine, host)]

const board = (
  machine: Pick<MachinePlan, "accelerator" | "boot" | "cpuModel" | "cpus" | "memoryBytes" | "shares">,
  host: HostFacts
): ReadonlyArray<string> => [
  ...memory(machine, host),
  "-accel",
  machine.accelerator === "tcg" ? "tcg,thread=multi" : "kvm",
  "-cpu",
  machine.cpuModel,
  "-smp",
  String(machine.cpus),
  "-m",
  `${machine.memoryBytes / 1024 ** 2}M`,
  "-rtc",
  "base=utc"
]

const kernel = (options: {
  readonly machine: Pick<MachinePlan, "boot" | "disk">
  readonly kernelArgs: ReadonlyArray<string>
}): ReadonlyArray<string> => {
  const files = options.machine.disk.image.kernel
  return options.machine.boot === "kernel" && files !== undefined
    ? [
        "-kernel",
        files.kernel,
        "-initrd",
        files.initrd,
        "-append",
        [files.commandLine, ...options.kernelArgs].join(" ")
      ]
    : []
}

/** What a machine of this shape has in any test: it could be sealed as a template. */
export const baseArguments = (options: {
  readonly machine: Omit<MachinePlan, "devices" | "argv">
  readonly host: HostFacts
  readonly agentDisk: string
  readonly kernelArgs: ReadonlyArray<string>
}): ReadonlyArray<string> => {
  const { machine, host } = options
  return [
    ...process(machine, host),
    ...board(machine, host),
    ...kernel(options),
    ...machine.entry.arguments,
    ...socket("console", machine.sockets.console),
    "-serial",
    "chardev:console",
    ...disk({ id: rootDiskId, path: machine.disk.overlay, format: "qcow2", device: ",bootindex=1" }),
    ...disk({
      id: "agentdisk",
      path: options.agentDisk,
      format: "raw",
      readOnly: true,
      device: `,serial=${agentDiskSerial}`
    }),
    ...(machine.entry.strategy === "nocloud"
      ? disk({ id: "seed", path: machine.entry.path, format: "raw", readOnly: true })
      : []),
    "-device",
    "virtio-rng-pci",
    // Told to the guest's kernel when a clone starts, which then reseeds its random numbers; an x86 device.
    ...(host.architecture === "x86_64" ? ["-device", "vmgenid,id=generation,guid=auto"] : []),
    "-device",
    "virtio-serial-pci,id=serial",
    ...socket("agent", machine.sockets.agent),
    "-device",
    `virtserialport,id=agentport,bus=serial.0,chardev=agent,name=${agentPortName}`,
    "-netdev",
    `user,id=${userNetworkId},restrict=${machine.internet ? "off" : "on"}`,
    // Without its boot ROM (romfile=) a NIC costs no start-up time, and a template need not match the ROM.
    "-device",
    `virtio-net-pci,id=usernic,netdev=${userNetworkId},mac=${userNetworkMac},romfile=`
  ]
}

const shareArguments = (share: SharePlan, id: string): ReadonlyArray<string> => {
  const { by, content, mountTag } = share
  switch (by._tag) {
    case "9p": {
      const source = "folder" in content ? content.folder : content.storeDir
      return [
        "-fsdev",
        `local,id=${id},path=${escaped(source)},security_model=none,multidevs=remap${share.readOnly ? ",readonly=on" : ""}`,
        "-device",
        `virtio-9p-pci,fsdev=${id},mount_tag=${mountTag}`
      ]
    }
    case "virtiofs":
      return [
        "-chardev",
        `socket,id=${id},path=${escaped(by.socket)}`,
        "-device",
        `vhost-user-fs-pci,chardev=${id},tag=${mountTag}`
      ]
    case "image":
      return disk({ id, path: by.path, format: "raw", readOnly: true, device: `,serial=${by.serial}` })
    case "copy":
      return []
  }
}

/** What this test adds. QEMU listens on the networks' sockets, so a switch may come and go. */
export const testArguments = (machine: Pick<MachinePlan, "nics" | "shares" | "extraDisks">): ReadonlyArray<string> => [
  ...machine.nics.flatMap((nic, index) => [
    "-netdev",
    `stream,id=net${index + 1},server=on,addr.type=unix,addr.path=${escaped(nic.socket)}`,
    "-device",
    `virtio-net-pci,id=${nic.id},netdev=net${index + 1},mac=${nic.mac},romfile=${nic.mtu === 1500 ? "" : `,host_mtu=${nic.mtu}`}`
  ]),
  ...machine.shares.flatMap((share, index) => shareArguments(share, `share${index + 1}`)),
  ...machine.extraDisks.flatMap(({ name, path }, index) =>
    disk({ id: `disk${index + 1}`, path, format: "qcow2", device: `,serial=${name}` })
  )
]
