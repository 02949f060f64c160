/** Runs the image builder's scripts: as root of a namespace of their own, with their output in a log and their stages told. */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ChildProcesses } from "../../host/ChildProcesses.ts"
import { hostRefusal } from "../hostRefusal.ts"
import { ImageError } from "../ImageError.ts"

/** Folder of the builder's scripts: the same way from sources and compiled files, and the command's bundle takes it along. */
export const scriptDirectory: string = fileURLToPath(new URL("../../../builder/", import.meta.url))

/** The programs that the scripts run, and the packages that bring them. */
const programs: ReadonlyArray<{
  readonly program: string
  readonly package: string
  readonly unprivilegedOnly?: boolean
}> = [
  { program: "mmdebstrap", package: "mmdebstrap" },
  { program: "sfdisk", package: "fdisk" },
  { program: "mke2fs", package: "e2fsprogs" },
  { program: "mformat", package: "mtools" },
  { program: "python3", package: "python3" },
  { program: "zstd", package: "zstd" },
  { program: "unshare", package: "util-linux" },
  { program: "newuidmap", package: "uidmap", unprivilegedOnly: true }
]

const isRoot = process.getuid?.() === 0

/** Users' own PATH often lacks the folders of `sfdisk` and `mke2fs`. */
const searchPath = `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`

/** Fails as `BuildToolsMissing` where the scripts could not run to their end. */
export const requirePrograms: Effect.Effect<void, ImageError> = Effect.suspend(() => {
  const folders = searchPath.split(":")
  const missing = programs
    .filter((needed) => !(needed.unprivilegedOnly === true && isRoot))
    .filter((needed) => !folders.some((folder) => existsSync(`${folder}/${needed.program}`)))
  if (missing.length === 0) return Effect.void
  const packages = missing.map((needed) => needed.package)
  return Effect.fail(
    new ImageError({
      reason: { _tag: "BuildToolsMissing", programs: missing.map((needed) => needed.program), packages }
    })
  )
})

/**
 * A mount namespace, so that nothing stays mounted; a pid namespace, so that nothing stays running: the kernel ends all that is in it
 * with `unshare`. Users who are not root get a user namespace with their subordinate ids besides.
 */
const namespaceCommand: ReadonlyArray<string> = [
  "unshare",
  ...(isRoot ? [] : ["--map-root-user", "--map-auto"]),
  "--mount",
  "--pid",
  "--fork",
  "--kill-child",
  "--"
]

export interface BuilderProcessOptions {
  /** Name of the recipe, for errors. */
  readonly recipe: string
  readonly command: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Gets all output; appended to. */
  readonly logPath: string
  /** Called for every line of output. */
  readonly onLine?: ((line: string) => void) | undefined
}

const logTailLines = 25

/** Runs a command in its namespace. Fails as `BuildFailed`, with the end of its log. */
export const runBuilderProcess = Effect.fn("BuilderProcess.run")(function* (
  options: BuilderProcessOptions
): Effect.fn.Return<void, ImageError, ChildProcesses | FileSystem.FileSystem | Scope.Scope> {
  const processes = yield* ChildProcesses
  const fs = yield* FileSystem.FileSystem
  const { recipe, logPath } = options
  const [command = "unshare", ...args] = [...namespaceCommand, ...options.command]
  const output = yield* Queue.unbounded<Uint8Array, Cause.Done>()
  const tail: Array<string> = []
  const failed = (detail: string) =>
    new ImageError({ reason: { _tag: "BuildFailed", recipe, logPath, logTail: [...tail, detail].join("\n") } })
  const keep = (line: string) => {
    tail.push(line)
    if (tail.length > logTailLines) tail.shift()
    options.onLine?.(line)
  }
  const refused = Effect.mapError(hostRefusal({ operation: "write", path: logPath }))
  const log = yield* refused(fs.open(logPath, { flag: "a" }))
  const reader = yield* Stream.fromQueue(output).pipe(
    Stream.tap((chunk) => refused(log.writeAll(chunk))),
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => Effect.sync(() => keep(line))),
    Effect.forkScoped
  )
  const child = yield* Effect.mapError(
    processes.spawn({
      command,
      args,
      env: { PATH: searchPath, ...options.env },
      onStdout: (chunk) => void Queue.offerUnsafe(output, chunk)
    }),
    (error) => failed(error.message)
  )
  const exit = yield* child.exited
  yield* Queue.end(output)
  yield* Fiber.join(reader)
  if (exit.code === 0) return
  const stderr = yield* child.stderrTail
  return yield* failed(`${stderr}${exit.signal === undefined ? `exit status ${exit.code}` : `ended by ${exit.signal}`}`)
}, Effect.scoped)
