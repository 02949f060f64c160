/** A test that is well written but can't be run with these images on this host. */
import * as ByteSize from "effect/ByteSize"
import * as Schema from "effect/Schema"

const machine = { machine: Schema.String }

export const PlanErrorReason = Schema.Union([
  Schema.TaggedStruct("ImageNotStored", { ...machine }),
  /** The image is for another processor than this QEMU emulates. */
  Schema.TaggedStruct("WrongArchitecture", { ...machine, image: Schema.String, host: Schema.String }),
  Schema.TaggedStruct("DiskTooSmall", { ...machine, wanted: Schema.Finite, image: Schema.Finite }),
  /** `boot.mode` is `kernel`, but the image's kernel is not known. */
  Schema.TaggedStruct("NoKernel", { ...machine }),
  /** `boot.kernelArgs` are given, but the boot loader chooses the command line. */
  Schema.TaggedStruct("KernelArgsUnused", { ...machine, mode: Schema.Literals(["disk", "auto"]) }),
  Schema.TaggedStruct("NoFirmware", { ...machine, architecture: Schema.String }),
  /** No way of sharing serves. */
  Schema.TaggedStruct("ShareImpossible", {
    ...machine,
    target: Schema.String,
    obstacles: Schema.Array(Schema.String)
  }),
  /** Only some package managers can be given packages. */
  Schema.TaggedStruct("PackagesImpossible", {
    ...machine,
    manager: Schema.String,
    possible: Schema.Array(Schema.String)
  }),
  Schema.TaggedStruct("NetworksUnsupported", { ...machine, qemu: Schema.String }),
  Schema.TaggedStruct("AddressesExhausted", { ...machine, network: Schema.String, prefix: Schema.String }),
  Schema.TaggedStruct("TooManyDevices", { ...machine, devices: Schema.Int, limit: Schema.Int }),
  Schema.TaggedStruct("SocketPathTooLong", { path: Schema.String, limit: Schema.Int })
])
export type PlanErrorReason = typeof PlanErrorReason.Type

const size = (bytes: number): string => ByteSize.format(ByteSize.bytes(bytes), { system: "binary" })

const explain = (reason: PlanErrorReason): string => {
  switch (reason._tag) {
    case "ImageNotStored":
      return `${reason.machine}: its image was not fetched`
    case "WrongArchitecture":
      return `${reason.machine}: the image is for ${reason.image}, this QEMU emulates ${reason.host}`
    case "DiskTooSmall":
      return `${reason.machine}: diskSize is ${size(reason.wanted)}, its image has ${size(reason.image)}: a disk can only grow (write "+2G" for so much more than the image has)`
    case "NoKernel":
      return `${reason.machine}: boot.mode is "kernel", but this image's kernel is not known outside of its disk: use "auto" or "disk"`
    case "KernelArgsUnused":
      return reason.mode === "disk"
        ? `${reason.machine}: boot.kernelArgs have no effect with boot.mode "disk", where the boot loader chooses the command line`
        : `${reason.machine}: boot.kernelArgs need a kernel that is booted directly, and this image's kernel is not known outside of its disk`
    case "NoFirmware":
      return `${reason.machine}: a ${reason.architecture} guest can only be started with its kernel booted directly, and this image's kernel is not known`
    case "ShareImpossible":
      return `${reason.machine}: ${reason.target} can't be shared: ${reason.obstacles.join("; ")}`
    case "PackagesImpossible":
      return `${reason.machine}: packages can be given to guests that install with ${reason.possible.join(" or ")}, and this one does so with ${reason.manager}`
    case "NetworksUnsupported":
      return `${reason.machine}: networks need QEMU 7.2 or later, this is ${reason.qemu}`
    case "AddressesExhausted":
      return `${reason.machine}: no address left in ${reason.prefix} of network ${reason.network}`
    case "TooManyDevices":
      return `${reason.machine}: ${reason.devices} networks, shares and disks, at most ${reason.limit} fit`
    case "SocketPathTooLong":
      return `${reason.path}: longer than the ${reason.limit} bytes that a socket's path may have: set TMPDIR to a shorter directory`
  }
}

export class PlanError extends Schema.TaggedError<PlanError>()("PlanError", { reason: PlanErrorReason }) {
  override get message(): string {
    return explain(this.reason)
  }
}
