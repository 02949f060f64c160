/** The disk that cloud-init takes its seed from: a FAT file system with a label, which mtools write without root and without a mount. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { ChildProcesses } from "../host/ChildProcesses.ts"
import type { NoCloudSeed } from "../plan/entry/noCloudSeed.ts"
import { hostRefusal } from "./hostRefusal.ts"
import { ImageError } from "./ImageError.ts"

/** Two megabytes: the smallest disk that `mformat` makes a plain FAT of without being told its geometry. */
const size = ["-T", "4096"]

const toolTimeoutMs = 60_000

const runTool = Effect.fnUntraced(function* (command: "mformat" | "mcopy", args: ReadonlyArray<string>, disk: string) {
  const processes = yield* ChildProcesses
  const refuse = (detail: string) =>
    new ImageError({ reason: { _tag: "HostRefused", operation: `run ${command} on`, path: disk, detail } })
  const output = yield* Effect.mapError(processes.run({ command, args, timeoutMs: toolTimeoutMs }), (error) =>
    refuse(error.message)
  )
  if (Option.isNone(output.exit)) return yield* refuse(`no answer within ${toolTimeoutMs / 1000} s`)
  const { code } = output.exit.value
  if (code === 127) return yield* new ImageError({ reason: { _tag: "SeedToolMissing", program: command } })
  if (code !== 0) return yield* refuse(output.stderr.trim())
})

/** Writes the seed's disk to `path`, which no file has yet. Its files are made beside it for the while. */
export const writeSeedDisk = Effect.fn("store.writeSeedDisk")(function* (options: {
  readonly seed: NoCloudSeed
  readonly path: string
}): Effect.fn.Return<void, ImageError, ChildProcesses | FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const { seed, path: disk } = options
  const folder = `${disk}.files`
  const files = Object.entries(seed.files).map(([name, text]) => ({ path: path.join(folder, name), text }))
  const write = Effect.andThen(
    fs.makeDirectory(folder),
    Effect.forEach(files, (file) => fs.writeFileString(file.path, file.text), { discard: true })
  )
  yield* Effect.mapError(write, hostRefusal({ operation: "write", path: folder }))
  yield* runTool("mformat", ["-C", "-i", disk, ...size, "-v", seed.label, "::"], disk)
  yield* runTool("mcopy", ["-i", disk, ...files.map((file) => file.path), "::"], disk)
  yield* Effect.ignore(fs.remove(folder, { recursive: true }))
})
