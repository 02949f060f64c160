/** Removes what crashed drivers left: run directories whose owner is dead, and QEMU processes that still use them. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ProcessIdentity from "./ProcessIdentity.ts"
import { OwnerFile, ownerFileName, runDirectoryPrefix, runDirectoryRoots } from "./RunDirectory.ts"

/**
 * A directory without a readable owner file is left alone for this long, milliseconds: its maker may be about to write
 * the file.
 */
const unownedGraceMs = 10 * 60_000

const isOwn = (path: string) =>
  FileSystem.FileSystem.use((fs) => fs.lstat(path)).pipe(
    // Others can make such names in /tmp too, and links that lead out of it.
    Effect.map((info) => info.type === "Directory" && Option.contains(info.uid, process.getuid?.() ?? -1)),
    Effect.orElseSucceed(() => false)
  )

const isStale = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const owner = yield* Effect.option(
    Effect.flatMap(fs.readFileString(`${path}/${ownerFileName}`), Schema.decodeEffect(OwnerFile))
  )
  if (Option.isSome(owner)) return (yield* ProcessIdentity.livenessOf(owner.value)) === "dead"
  const info = yield* Effect.option(fs.stat(path))
  const made = Option.flatMap(info, ({ mtime }) => mtime)
  return Option.isSome(made) && Date.now() - made.value.getTime() > unownedGraceMs
})

const commandLineOf = (pid: string) =>
  FileSystem.FileSystem.use((fs) => fs.readFileString(`/proc/${pid}/cmdline`)).pipe(Effect.orElseSucceed(() => ""))

/**
 * Kills QEMU processes whose command line names a file in the directory. The kernel kills QEMU with its driver; only a
 * driver that was killed in the milliseconds between the fork and `setpriv`'s request leaves one.
 */
const killUsers = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const pids = (yield* fs.readDirectory("/proc")).filter((name) => /^\d+$/u.test(name))
  for (const pid of pids) {
    const [program = "", ...args] = (yield* commandLineOf(pid)).split("\0")
    if (/(?:^|\/)qemu-system-[^/]+$/u.test(program) && args.some((arg) => arg.includes(`${path}/`))) {
      yield* Effect.ignore(
        Effect.try({ try: () => process.kill(Number(pid), "SIGKILL"), catch: () => "gone" as const })
      )
    }
  }
})

/**
 * Removes stale run directories of this user under all roots and returns their paths. Never fails: what can't be
 * removed is left, and a directory whose owner lives, or can't be judged from this pid namespace, is not touched.
 */
export const removeStaleRuns: Effect.Effect<ReadonlyArray<string>, never, FileSystem.FileSystem> = Effect.gen(
  function* () {
    const fs = yield* FileSystem.FileSystem
    const removed: Array<string> = []
    for (const root of yield* runDirectoryRoots) {
      const names = yield* Effect.orElseSucceed(fs.readDirectory(root), () => [])
      for (const name of names.filter((entry) => entry.startsWith(runDirectoryPrefix))) {
        const path = `${root}/${name}`
        if (!(yield* isOwn(path)) || !(yield* isStale(path))) continue
        yield* Effect.ignore(killUsers(path))
        yield* fs.remove(path, { recursive: true, force: true }).pipe(
          Effect.map(() => removed.push(path)),
          Effect.ignore
        )
      }
    }
    return removed
  }
)
