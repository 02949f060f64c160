/** What plans need to know of this host, from the QEMU that was found. */
import * as Effect from "effect/Effect"
import type { HostFacts } from "../plan/HostFacts.ts"
import { Qemu } from "../qemu/Qemu.ts"
import { shareTools } from "./shareTools.ts"
import { UsageError } from "./UsageError.ts"

export const hostFacts = Effect.fnUntraced(function* (accelerator: "kvm" | "tcg") {
  const qemu = yield* Qemu
  const machine = qemu.architecture === "x86_64" ? "pc" : "virt"
  const machineType = qemu.machineTypes[machine]
  if (machineType === undefined) {
    return yield* new UsageError({
      text: `${qemu.binary} has no machine type "${machine}"`,
      hint: "use a full build of QEMU"
    })
  }
  const facts: HostFacts = {
    qemuVersion: qemu.version,
    machineType,
    accelerator,
    architecture: qemu.architecture,
    sandbox: qemu.capabilities.sandbox,
    streamNetdev: qemu.capabilities.streamNetdev,
    ninep: qemu.capabilities.fsdev,
    ...(yield* shareTools)
  }
  return facts
})
