/** What a plan needs to know of this host, from its QEMU and the accelerator that was chosen. */
import type { HostFacts } from "../plan/HostFacts.ts"
import type { Architecture } from "../spec/Image.ts"
import type { QemuBinary } from "./Qemu.ts"
import { QemuError } from "./QemuError.ts"
import * as Result from "effect/Result"

/** `pc` has no root ports to plan ahead for hot-plug; `virt` is the only machine for arm64 servers. */
const machineOf = { x86_64: "pc", aarch64: "virt" } as const satisfies Record<Architecture, string>

/** Fails as `Unusable` when QEMU was built without the machine that guests run on. */
export const hostFacts = (qemu: QemuBinary, accelerator: "kvm" | "tcg"): Result.Result<HostFacts, QemuError> => {
  const machine = machineOf[qemu.architecture]
  const machineType = qemu.machineTypes[machine]
  if (machineType === undefined) {
    return Result.fail(
      new QemuError({ reason: { _tag: "Unusable", binary: qemu.binary, detail: `it has no machine type ${machine}` } })
    )
  }
  const { version, architecture, capabilities } = qemu
  const { exitWithParent, sandbox, streamNetdev } = capabilities
  return Result.succeed({
    qemuVersion: version,
    machineType,
    accelerator,
    architecture,
    exitWithParent,
    sandbox,
    streamNetdev
  })
}
