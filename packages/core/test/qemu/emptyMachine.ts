/** A QEMU with a monitor and no machine: it starts in 50 ms and has no guest. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { type QemuProcessOptions, spawnQemu } from "@nix-vm-test/core/qemu/QemuProcess"

/** Everything that QEMU needs of the host; a temporary cache. */
export const realHost = Layer.unwrap(
  Effect.map(
    FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped()),
    (probeDirectory) => Qemu.layer({ probeDirectory })
  )
).pipe(Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, ChildProcesses.layer, UnixSockets.layer)))

export const emptyMachine = ["-M", "none", "-nodefaults", "-no-user-config", "-display", "none", "-S"]

/** Starts a QEMU with these arguments; its monitor's socket is in a directory of its own, whose name holds a comma. */
export const startQemu = Effect.fn(function* (
  argv: ReadonlyArray<string>,
  options: Partial<Omit<QemuProcessOptions, "argv" | "qmpPath">> = {}
) {
  const fs = yield* FileSystem.FileSystem
  const qmpPath = `${yield* fs.makeTempDirectoryScoped({ prefix: "a,b-" })}/qmp`
  return yield* spawnQemu({ name: "vm0", ...options, qmpPath, argv })
})
