/**
 * The directory of one run: sockets, overlays, RAM files. Private to its user (0700), gone with its Scope.
 *
 * It names its owner, so that the next start can remove it when the driver had no chance to (see `StaleRuns`).
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ProcessIdentity from "./ProcessIdentity.ts"

/** What the names of run directories begin with; six letters or digits follow. */
const prefix = "nvt-"

/** Whether a name is one of a run directory; the driver's other temporary files have longer ones. */
export const isRunDirectoryName = (name: string): boolean => /^nvt-[A-Za-z0-9]{6}$/u.test(name)

/** The file in a run directory that holds the {@link ProcessIdentity.ProcessIdentity} of its owner. */
export const ownerFileName = "owner.json"

/** The owner file's form: JSON. */
export const OwnerFile = Schema.fromJsonString(ProcessIdentity.ProcessIdentity)

/**
 * Bytes that the directory's path may have, so that sockets in it stay below the kernel's limit of 108 bytes for a Unix
 * socket's path (`sun_path`, its closing zero included) with 40 left for a machine's name and a socket's.
 */
const longestPath = 60

/**
 * Where run directories may lie, best first: `$TMPDIR`, `/tmp`. Not `$XDG_RUNTIME_DIR`, a tmpfs that is often limited to a tenth of the memory:
 * machines' disks lie here too.
 */
export const runDirectoryRoots: Effect.Effect<ReadonlyArray<string>> = Effect.gen(function* () {
  const temporary = yield* Config.option(Config.String("TMPDIR"))
  const named = Option.toArray(temporary).filter((root) => root.startsWith("/"))
  return [...new Set([...named.map((root) => root.replace(/\/+$/u, "")), "/tmp"])]
}).pipe(Effect.orElseSucceed(() => ["/tmp"]))

const fits = (root: string): boolean => Buffer.byteLength(`${root}/${prefix}XXXXXX`) <= longestPath

const remove = (path: string) =>
  FileSystem.FileSystem.use((fs) => Effect.ignore(fs.remove(path, { recursive: true, force: true }), { log: true }))

const nameOwner = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const owner = yield* Effect.orDie(Schema.encodeEffect(OwnerFile)(yield* ProcessIdentity.ownIdentity))
  yield* fs.writeFileString(`${path}/${ownerFileName}`, owner, { mode: 0o600 })
})

const makeIn = Effect.fnUntraced(function* (root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* fs.makeTempDirectory({ directory: root, prefix })
  yield* Effect.onError(nameOwner(path), () => remove(path))
  return path
})

/**
 * Makes a run directory under the first root that exists, can be written and is short enough; removed when the Scope
 * closes. Fails with the file system's own error for `/tmp`, the last root.
 */
export const makeRunDirectory = Effect.fn("RunDirectory.make")(function* () {
  const roots = (yield* runDirectoryRoots).filter(fits)
  const make = roots
    .slice(1)
    .reduce((first, root) => Effect.catch(first, () => makeIn(root)), makeIn(roots[0] ?? "/tmp"))
  return yield* Effect.acquireRelease(make, remove)
})
