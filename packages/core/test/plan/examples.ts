/** Images, hosts and specs that the plan's tests share. */
import type { HostFacts } from "@nix-vm-test/core/plan/HostFacts"
import { planTest } from "@nix-vm-test/core/plan/planTest"
import type { StoredImage } from "@nix-vm-test/core/plan/StoredImage"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import type { EntryStrategy, ImageFacts } from "@nix-vm-test/core/spec/Image"
import type { MachineSpecInput } from "@nix-vm-test/core/spec/MachineSpec"
import type { TestSpecInput } from "@nix-vm-test/core/spec/TestSpec"
import * as Result from "effect/Result"

export const gibibyte = 1024 ** 3

export const host = (changes: Partial<HostFacts> = {}): HostFacts => ({
  qemuVersion: { major: 7, minor: 2, micro: 22 },
  machineType: "pc-i440fx-7.2",
  accelerator: "tcg",
  architecture: "x86_64",
  sandbox: true,
  streamNetdev: true,
  ninep: true,
  ...changes
})

export const storedImage = (
  changes: Partial<StoredImage> & {
    readonly init?: ImageFacts["init"]
    readonly entry?: EntryStrategy
    readonly cpuLevel?: 1 | 2 | 3
    readonly ninep?: boolean
    readonly virtiofs?: boolean
  } = {}
): StoredImage => {
  const { init = "systemd", entry = "installed", cpuLevel = 1, ninep = true, virtiofs = true, ...rest } = changes
  return {
    image: {
      id: "debian:12",
      family: "debian",
      version: "12",
      architecture: "x86_64",
      sources: [{ _tag: "Packages", recipe: "debian-12" }],
      format: "qcow2",
      facts: {
        init,
        entry,
        ninep,
        virtiofs,
        rootFilesystem: "ext4",
        lvm: false,
        networkManager: "netplan",
        selinux: "none",
        packageManager: "apt",
        cpuLevel,
        slowUnits: []
      }
    },
    path: "/cache/images/debian-12.qcow2",
    format: "qcow2",
    virtualSize: 3 * gibibyte,
    key: "0123abcd",
    installedAgent: entry === "installed",
    ...rest
  }
}

export const withKernel = {
  kernel: {
    kernel: "/cache/images/vmlinuz",
    initrd: "/cache/images/initrd",
    commandLine: "root=LABEL=root ro console=ttyS0"
  }
} as const

export const plan = (options: {
  readonly spec: TestSpecInput
  readonly image?: StoredImage
  readonly host?: HostFacts
  readonly runDirectory?: string
  readonly agentDisk?: string
}) => {
  const spec = Result.getOrThrow(decodeSpec({ spec: options.spec, origin: "example" }))
  const image = options.image ?? storedImage()
  return planTest({
    spec,
    images: Object.fromEntries(Object.keys(spec.machines).map((name) => [name, image])),
    host: options.host ?? host(),
    runDirectory: options.runDirectory ?? "/run/user/1000/nvt-Ab12Cd",
    baseDirectory: "/home/me/project",
    agent: { disk: options.agentDisk ?? "/cache/agent.raw", unit: "[Unit]\nDescription=agent\n" }
  })
}

/** The plan of a test with one machine. */
export const planOne = (
  machine: Partial<MachineSpecInput>,
  options: Omit<Parameters<typeof plan>[0], "spec"> & { readonly networks?: TestSpecInput["networks"] } = {}
) => {
  const { networks = {}, ...rest } = options
  const spec = { machines: { vm: { image: "debian:12", ...machine } }, networks }
  return plan({ spec, ...rest }).pipe(
    Result.map(({ machines: [only] }) => {
      if (only === undefined) throw new Error("no machine was planned")
      return only
    })
  )
}
