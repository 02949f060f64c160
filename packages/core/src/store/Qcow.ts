/** What `qemu-img` knows about a disk image, and the overlays it makes. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ChildProcesses } from "../host/ChildProcesses.ts"
import type { ExtraDiskPlan } from "../plan/MachinePlan.ts"
import { hostRefusal } from "./hostRefusal.ts"
import { ImageError } from "./ImageError.ts"
import { longestBasePath, qcowContent } from "./qcowContent.ts"

export interface DiskFacts {
  readonly format: "qcow2" | "raw"
  /** Bytes of the disk that a guest sees. */
  readonly virtualSize: number
}

/** The fields of `qemu-img info --output=json` that matter here. */
const DiskInfo = Schema.Struct({
  format: Schema.String,
  "virtual-size": Schema.Finite,
  "full-backing-filename": Schema.optionalKey(Schema.String),
  "backing-filename": Schema.optionalKey(Schema.String),
  "format-specific": Schema.optionalKey(
    Schema.Struct({ data: Schema.optionalKey(Schema.Struct({ "data-file": Schema.optionalKey(Schema.String) })) })
  )
})

const decodeInfo = Schema.decodeEffect(Schema.fromJsonString(DiskInfo))

/** The answer of `qemu-img check --output=json`. */
const decodeCheck = Schema.decodeEffect(
  Schema.fromJsonString(
    Schema.Struct({ corruptions: Schema.optionalKey(Schema.Finite), "check-errors": Schema.optionalKey(Schema.Finite) })
  )
)

export interface QcowOptions {
  /** The `qemu-img` program. */
  readonly imageTool: string
  /** Absolute path. */
  readonly path: string
}

/** Long enough for a slow disk under load; `qemu-img` itself takes milliseconds. */
const toolTimeoutMs = 120_000

/** Copying a whole disk takes minutes on slow storage. */
const copyTimeoutMs = 60 * 60_000

const runTool = Effect.fnUntraced(function* (
  options: QcowOptions & { readonly args: ReadonlyArray<string>; readonly timeoutMs?: number }
) {
  const processes = yield* ChildProcesses
  const { imageTool, path, timeoutMs = toolTimeoutMs } = options
  const refuse = (detail: string) =>
    new ImageError({ reason: { _tag: "HostRefused", operation: "run qemu-img on", path, detail } })
  const output = yield* processes
    .run({ command: imageTool, args: options.args, timeoutMs })
    .pipe(Effect.mapError((error) => refuse(error.message)))
  const { exit, stdout, stderr } = output
  if (Option.isNone(exit)) return yield* refuse(`no answer within ${timeoutMs / 1000} s`)
  const { code } = exit.value
  return { code: code ?? -1, stdout, detail: stderr.trim() || `exit status ${code}` }
})

/** Something that a firmware or a kernel would recognise at the beginning of a raw disk. */
const diskMarks: ReadonlyArray<{ readonly offset: number; readonly bytes: ReadonlyArray<number> }> = [
  // A boot sector; GPT disks have one too.
  { offset: 510, bytes: [0x55, 0xaa] },
  // ext2/3/4, xfs, ISO 9660: file systems without a partition table.
  { offset: 1080, bytes: [0x53, 0xef] },
  { offset: 0, bytes: [0x58, 0x46, 0x53, 0x42] },
  { offset: 32_769, bytes: [0x43, 0x44, 0x30, 0x30, 0x31] }
]

const otherMarks: ReadonlyArray<{ readonly bytes: ReadonlyArray<number>; readonly seen: string }> = [
  { bytes: [0x1f, 0x8b], seen: "it is compressed by gzip; unpack it first" },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], seen: "it is compressed by xz; unpack it first" },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], seen: "it is compressed by zstd; unpack it first" },
  { bytes: [0x50, 0x4b, 0x03, 0x04], seen: "it is a zip archive; unpack it first" },
  { bytes: [0x3c], seen: "it is text, perhaps the web page of an error" }
]

const has = (content: Uint8Array, offset: number, bytes: ReadonlyArray<number>): boolean =>
  bytes.every((byte, index) => content[offset + index] === byte)

/** `qemu-img` takes any file as a raw disk, so it takes a second look. Answers what the file is instead of a disk. */
export const notARawDisk = (content: Uint8Array): string | undefined =>
  diskMarks.some((mark) => has(content, mark.offset, mark.bytes))
    ? undefined
    : (otherMarks.find((mark) => has(content, 0, mark.bytes))?.seen ?? "it has neither a boot sector nor a file system")

const readBeginning = (path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.open(path, { flag: "r" })
    return Option.getOrElse(yield* file.readAlloc(64 * 1024), () => new Uint8Array())
  }).pipe(Effect.scoped, Effect.mapError(hostRefusal({ operation: "read", path })))

/**
 * Finds out what a disk is. Fails as `NotADisk`, as `ForeignBacking` when its content would come from another file, as `FileMissing`.
 */
export const inspectDisk = Effect.fn("Qcow.inspect")(function* (
  options: QcowOptions
): Effect.fn.Return<DiskFacts, ImageError, ChildProcesses | FileSystem.FileSystem> {
  const { path } = options
  const notADisk = (seen: string) => new ImageError({ reason: { _tag: "NotADisk", path, seen } })
  const beginning = yield* readBeginning(path)
  // Without `--backing-chain` no other file is opened, and `-U` looks at a disk that a guest is using.
  const answer = yield* runTool({ ...options, args: ["info", "-U", "--output=json", path] })
  if (answer.code !== 0) return yield* notADisk(answer.detail)
  const info = yield* Effect.mapError(decodeInfo(answer.stdout), (error) => notADisk(`qemu-img said: ${error.message}`))
  const { format, "virtual-size": virtualSize } = info
  const other =
    info["full-backing-filename"] ?? info["backing-filename"] ?? info["format-specific"]?.data?.["data-file"]
  if (other !== undefined) return yield* new ImageError({ reason: { _tag: "ForeignBacking", path, backing: other } })
  if (format === "qcow2") return { format, virtualSize }
  if (format !== "raw") {
    return yield* notADisk(`it is of the format ${format}; convert it: qemu-img convert -O qcow2 ${path} disk.qcow2`)
  }
  const seen = notARawDisk(beginning)
  if (seen !== undefined) return yield* notADisk(seen)
  return { format, virtualSize }
})

/** Checks a qcow2's tables, which also shows a file that was cut off. Fails as `Truncated`. Reads the tables only, not the data. */
export const checkWhole = Effect.fn("Qcow.checkWhole")(function* (
  options: QcowOptions
): Effect.fn.Return<void, ImageError, ChildProcesses> {
  const { path } = options
  const truncated = (detail: string) => new ImageError({ reason: { _tag: "Truncated", path, detail } })
  const answer = yield* runTool({ ...options, args: ["check", "-U", "-f", "qcow2", "--output=json", path] })
  const found = yield* Effect.mapError(decodeCheck(answer.stdout), () => truncated(answer.detail))
  const faults = (found.corruptions ?? 0) + (found["check-errors"] ?? 0)
  if (faults > 0) return yield* truncated(`qemu-img found ${faults} faults in its tables`)
})

/** The first sectors of a disk as a guest sees them, 512 bytes each; `target` is a file that is not there yet. */
export const readSectors = Effect.fn("Qcow.readSectors")(function* (
  options: QcowOptions & { readonly format: DiskFacts["format"]; readonly count: number; readonly target: string }
): Effect.fn.Return<Uint8Array, ImageError, ChildProcesses | FileSystem.FileSystem> {
  const { path, format, count, target } = options
  const fs = yield* FileSystem.FileSystem
  const args = ["dd", "-U", "-f", format, "-O", "raw", "bs=512", `count=${count}`, `if=${path}`, `of=${target}`]
  const answer = yield* runTool({ ...options, args })
  if (answer.code !== 0) return yield* copyRefused("read", path, answer.detail)
  return yield* Effect.mapError(fs.readFile(target), hostRefusal({ operation: "read", path: target }))
})

const copyRefused = (operation: string, path: string, detail: string): ImageError =>
  new ImageError({
    reason: /No space left/u.test(detail) ? { _tag: "NoSpace", path } : { _tag: "HostRefused", operation, path, detail }
  })

export interface OverlayOptions {
  /** Absolute path. */
  readonly path: string
  readonly base: DiskFacts & { readonly path: string }
  /** Bytes. Default, and least: the base's own size, since a smaller disk would cut its partitions off. */
  readonly size?: number | undefined
}

/** Makes a qcow2 that keeps what is written and takes all else from its base, which stays as it is. */
export const createOverlay = Effect.fn("Qcow.createOverlay")(function* (
  options: OverlayOptions
): Effect.fn.Return<void, ImageError, FileSystem.FileSystem> {
  const { base, path } = options
  const fs = yield* FileSystem.FileSystem
  const size = Math.max(options.size ?? 0, base.virtualSize)
  if (Buffer.byteLength(base.path) > longestBasePath) {
    const detail = `the path of its base has more than ${longestBasePath} bytes: ${base.path}`
    return yield* copyRefused("make the overlay", path, detail)
  }
  const content = qcowContent({ base, size })
  yield* Effect.mapError(fs.writeFile(path, content), hostRefusal({ operation: "write", path }))
})

/** Makes a qcow2 in place of a file that is there: an empty one, or one with the content of its base. */
export const createDisk = Effect.fn("Qcow.createDisk")(function* (
  options: Pick<ExtraDiskPlan, "path" | "bytes" | "base">
): Effect.fn.Return<void, ImageError, FileSystem.FileSystem> {
  const { path, bytes, base } = options
  if (base !== undefined) return yield* createOverlay({ path, base: { ...base, virtualSize: bytes } })
  const fs = yield* FileSystem.FileSystem
  yield* Effect.mapError(fs.writeFile(path, qcowContent({ size: bytes })), hostRefusal({ operation: "write", path }))
})

/** Copies what an overlay has over its base, and nothing else: clusters that were freed or never changed are left behind. */
export const copyOverlay = Effect.fn("Qcow.copyOverlay")(function* (
  options: QcowOptions & { readonly base: DiskFacts & { readonly path: string }; readonly target: string }
): Effect.fn.Return<void, ImageError, ChildProcesses> {
  const { base, path, target } = options
  const args = ["convert", "-f", "qcow2", "-O", "qcow2", "-F", base.format, "-B", base.path, path, target]
  const answer = yield* runTool({ ...options, args })
  if (answer.code !== 0) return yield* copyRefused("copy the overlay to", target, answer.detail)
})

export interface ExportOptions extends QcowOptions {
  /** Absolute path of a file that is not there yet. */
  readonly target: string
  /** Takes several times as long. */
  readonly compress: boolean
}

/** Copies a disk with all that it takes from its bases into one qcow2 that needs no other file; whole, or not at all. */
export const exportDisk = Effect.fn("Qcow.export")(function* (
  options: ExportOptions
): Effect.fn.Return<void, ImageError, ChildProcesses | FileSystem.FileSystem | Scope.Scope> {
  const { path, target, compress } = options
  const fs = yield* FileSystem.FileSystem
  const beside = `${target}.${process.pid}`
  yield* Effect.addFinalizer(() => Effect.ignore(fs.remove(beside, { force: true })))
  const args = ["convert", "-U", "-O", "qcow2", ...(compress ? ["-c"] : []), path, beside]
  const answer = yield* runTool({ ...options, args, timeoutMs: copyTimeoutMs })
  if (answer.code !== 0) return yield* copyRefused("write", target, answer.detail)
  yield* Effect.mapError(fs.rename(beside, target), hostRefusal({ operation: "write", path: target }))
}, Effect.scoped)

/** Has a disk take what it does not hold itself from a file of the same content at another place, or names none. */
export const renameBase = Effect.fn("Qcow.renameBase")(function* (
  options: QcowOptions & { readonly base: (Pick<DiskFacts, "format"> & { readonly path: string }) | undefined }
): Effect.fn.Return<void, ImageError, ChildProcesses> {
  const { base, path } = options
  const named = base === undefined ? ["-b", ""] : ["-b", base.path, "-F", base.format]
  const answer = yield* runTool({ ...options, args: ["rebase", "-u", "-f", "qcow2", ...named, path] })
  if (answer.code === 0) return
  const detail = answer.detail
  return yield* new ImageError({ reason: { _tag: "HostRefused", operation: "name the base of", path, detail } })
})
