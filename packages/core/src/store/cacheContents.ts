/** What the cache holds: images, prepared images, templates, packages, and what images were built from; each with its size, its last use, and whether it is in use. */
import * as fsp from "node:fs/promises"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { CacheDirectory } from "./CacheDirectory.ts"
import { isLocked } from "./FileLock.ts"
import { importedImages } from "./importedImages.ts"
import { imageKey } from "./imageKey.ts"
import { readRecord } from "./ImageRecord.ts"
import { oldestRunStart } from "./livingRuns.ts"
import { templateRecordName } from "./Templates.ts"

export const cacheKinds = ["image", "prepared", "template", "package", "build"] as const
export type CacheKind = (typeof cacheKinds)[number]

export interface CacheEntry {
  readonly kind: CacheKind
  /** The part that its files' names have in common: a digest, a key. */
  readonly name: string
  /** For people, where something is known. */
  readonly title: string | undefined
  /** On the disk: holes count nothing, and what has several names counts once. */
  readonly bytes: number
  readonly lastUsed: Date
  /** A living run has used it since it began, or somebody is making it. */
  readonly inUse: boolean
  /** A user imported it: nothing can make it again, so cleaning leaves it alone. */
  readonly imported: boolean
  /** Files and folders. */
  readonly paths: ReadonlyArray<string>
}

const lockEnding = ".lock"
const isLock = (name: string): boolean => name.includes(lockEnding)

/** Names of one thing begin alike: `KEY.qcow2`, `KEY.json`, `KEY.partial`. */
const stemOf = (name: string): string => name.split(".", 1)[0] ?? name

/** Bytes that a file or all files of a folder take. A file that vanishes meanwhile takes none. */
const diskUse = async (where: string): Promise<number> => {
  try {
    const stat = await fsp.lstat(where)
    if (!stat.isDirectory()) return stat.blocks * 512
    const names = await fsp.readdir(where)
    const sizes = await Promise.all(names.map((name) => diskUse(path.join(where, name))))
    return sizes.reduce((sum, size) => sum + size, 0)
  } catch {
    return 0
  }
}

const modifiedMs = (where: string) =>
  FileSystem.FileSystem.use((fs) => fs.stat(where)).pipe(
    Effect.map(({ mtime }) => Option.match(mtime, { onNone: () => 0, onSome: (date) => date.getTime() })),
    Effect.orElseSucceed(() => 0)
  )

/** What all records that have a title have in common. */
const Titled = Schema.Struct({ title: Schema.String })

const titleOf = (record: string | undefined) =>
  record === undefined
    ? Effect.undefined
    : Effect.map(readRecord(record, Titled), (found) => Option.getOrUndefined(found)?.title)

/** The record whose time is that of the last use; things without one were last used when they were last written. */
const recordAmong = (kind: CacheKind, paths: ReadonlyArray<string>): string | undefined => {
  const named = paths.find((each) =>
    kind === "template" ? !path.basename(each).includes(".") : each.endsWith(".json")
  )
  return named === undefined || kind !== "template" ? named : path.join(named, templateRecordName)
}

interface Folder {
  readonly kind: CacheKind
  readonly path: string
  readonly runningSince: number
  /** Names of what users imported. */
  readonly imported: ReadonlySet<string>
}

const entry = Effect.fnUntraced(function* (
  folder: Folder,
  name: string,
  paths: ReadonlyArray<string>,
  locked: boolean
) {
  const { kind, runningSince, imported } = folder
  const record = recordAmong(kind, paths)
  const recordMs = record === undefined ? 0 : yield* modifiedMs(record)
  const lastUsedMs = recordMs > 0 ? recordMs : Math.max(...(yield* Effect.forEach(paths, modifiedMs)))
  const sizes = yield* Effect.forEach(paths, (each) => Effect.promise(() => diskUse(each)))
  const found: CacheEntry = {
    kind,
    name,
    title: yield* titleOf(record),
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    lastUsed: new Date(lastUsedMs),
    // File times may be a clock tick behind the clock itself.
    inUse: locked || lastUsedMs >= runningSince - 1000,
    imported: kind === "image" && imported.has(name),
    paths
  }
  return found
})

const entriesOf = Effect.fnUntraced(function* (folder: Folder) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* Effect.orElseSucceed(fs.readDirectory(folder.path), () => [])
  const locks = yield* Effect.filter(
    names.filter((name) => name.endsWith(lockEnding)),
    (name) => isLocked(path.join(folder.path, name))
  )
  const locked = new Set(locks.map(stemOf))
  const stems = new Set(names.filter((name) => !isLock(name)).map(stemOf))
  return yield* Effect.forEach(stems, (stem) => {
    const paths = names
      .filter((name) => !isLock(name) && stemOf(name) === stem)
      .map((name) => path.join(folder.path, name))
    // A lock on building has the name of what all builds of a kind share.
    return entry(folder, stem, paths, folder.kind === "build" ? locked.size > 0 : locked.has(stem))
  })
})

/** Everything in the cache that is worth its space, largest first within each kind. */
export const cacheContents = Effect.fn("cacheContents")(function* (kinds: ReadonlyArray<CacheKind> = cacheKinds) {
  const { images, prepared, templates, packages, builds } = yield* CacheDirectory
  const folders = { image: images, prepared, template: templates, package: packages, build: builds }
  const runningSince = yield* oldestRunStart
  const imported = new Set((yield* importedImages).map(({ digest }) => imageKey(digest)))
  const found = yield* Effect.forEach(kinds, (kind) => entriesOf({ kind, path: folders[kind], runningSince, imported }))
  return found.flatMap((entries) => entries.toSorted((one, other) => other.bytes - one.bytes))
})
