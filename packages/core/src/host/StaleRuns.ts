/** Removes what crashed drivers left: run directories whose owner is dead. Their processes died with them. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ProcessIdentity from "./ProcessIdentity.ts"
import { isRunDirectoryName, OwnerFile, ownerFileName, runDirectoryRoots } from "./RunDirectory.ts"

const isOwn = (path: string) =>
  FileSystem.FileSystem.use((fs) => fs.lstat(path)).pipe(
    // Others can make such names in /tmp too, and links that lead out of it.
    Effect.map((info) => info.type === "Directory" && Option.contains(info.uid, process.getuid?.() ?? -1)),
    Effect.orElseSucceed(() => false)
  )

/** A directory without a readable owner file is nobody's to judge: its maker may be about to write the file. */
const isStale = (path: string) =>
  FileSystem.FileSystem.use((fs) => fs.readFileString(`${path}/${ownerFileName}`)).pipe(
    Effect.flatMap(Schema.decodeEffect(OwnerFile)),
    Effect.flatMap(ProcessIdentity.livenessOf),
    Effect.map((liveness) => liveness === "dead"),
    Effect.orElseSucceed(() => false)
  )

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
      for (const name of names.filter(isRunDirectoryName)) {
        const path = `${root}/${name}`
        if (!(yield* isOwn(path)) || !(yield* isStale(path))) continue
        yield* fs.remove(path, { recursive: true, force: true }).pipe(
          Effect.map(() => removed.push(path)),
          Effect.ignore
        )
      }
    }
    return removed
  }
)
