/**
 * Files and trees of the host, as copies to and from a guest need them: links are seen, not followed, and nothing that a guest names
 * can lead out of the folder it is written to.
 */
import * as fs from "node:fs"
import * as fsp from "node:fs/promises"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export class HostFileError extends Schema.TaggedError<HostFileError>()("HostFileError", {
  operation: Schema.String,
  path: Schema.String,
  /** The operating system's code, such as `ENOENT`. */
  code: Schema.String
}) {
  override get message(): string {
    const hint = this.code === "ENOSPC" ? ": no space left there; free some, or set TMPDIR to a larger file system" : ""
    return `can't ${this.operation} ${this.path} on the host (${this.code})${hint}`
  }
}

/** One entry of a tree; `relative` is "" for the root itself. */
export type HostEntry = {
  readonly path: string
  readonly relative: string
  readonly mode: number
} & (
  | { readonly kind: "file"; readonly size: number }
  | { readonly kind: "directory" }
  | { readonly kind: "symlink"; readonly target: string }
)

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : String(error)

/** What the operating system said about a path. */
export const hostFileError = (refusal: {
  readonly operation: string
  readonly path: string
  readonly error: unknown
}): HostFileError =>
  new HostFileError({ operation: refusal.operation, path: refusal.path, code: codeOf(refusal.error) })

const attempt = <A>(operation: string, where: string, run: () => Promise<A>): Effect.Effect<A, HostFileError> =>
  Effect.tryPromise({
    try: run,
    catch: (error) => hostFileError({ operation, path: where, error })
  })

const readEntry = async (where: string, relative: string): Promise<HostEntry | undefined> => {
  const stat = await fsp.lstat(where)
  const mode = stat.mode & 0o7777
  if (stat.isFile()) return { kind: "file", path: where, relative, mode, size: stat.size }
  if (stat.isDirectory()) return { kind: "directory", path: where, relative, mode }
  if (stat.isSymbolicLink()) return { kind: "symlink", path: where, relative, mode, target: await fsp.readlink(where) }
  return undefined
}

const walk = async (where: string, relative: string, found: Array<HostEntry>): Promise<void> => {
  const entry = await readEntry(where, relative)
  // Sockets, FIFOs and devices have no content to copy.
  if (entry === undefined) return
  found.push(entry)
  if (entry.kind !== "directory") return
  const names = await fsp.readdir(where)
  for (const name of names.toSorted())
    await walk(path.join(where, name), relative === "" ? name : `${relative}/${name}`, found)
}

/** A file, link or tree, parents before their children. The root itself is followed when it is a link. */
export const readTree = (root: string): Effect.Effect<ReadonlyArray<HostEntry>, HostFileError> =>
  attempt("read", root, async () => {
    const found: Array<HostEntry> = []
    await walk(await fsp.realpath(root), "", found)
    return found
  })

/** A file's bytes, in chunks that fill the guest's windows well. */
export const readFile = (file: string): Stream.Stream<Uint8Array, HostFileError> =>
  Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => fs.createReadStream(file, { highWaterMark: 256 * 1024 })),
        (stream) => Effect.sync(() => stream.destroy())
      ),
      (stream) =>
        Stream.fromAsyncIterable<Uint8Array, HostFileError>(
          stream,
          (error) => new HostFileError({ operation: "read", path: file, code: codeOf(error) })
        )
    )
  )

/** Writes a file from a stream, beside its place and then renamed onto it: never a half file. */
export const writeFile = <E, R>(options: {
  readonly path: string
  readonly content: Stream.Stream<Uint8Array, E, R>
  readonly mode: number
}): Effect.Effect<void, E | HostFileError, R> => {
  const partial = `${options.path}.partial-${process.pid}`
  const refuse = (error: unknown) => new HostFileError({ operation: "write", path: options.path, code: codeOf(error) })
  return Effect.acquireUseRelease(
    attempt("write", options.path, () => fsp.open(partial, "wx", 0o600)),
    (handle) =>
      Stream.runForEach(options.content, (chunk) =>
        Effect.tryPromise({ try: () => handle.writeFile(chunk), catch: refuse })
      ).pipe(
        Effect.andThen(
          Effect.tryPromise({
            try: async () => {
              await handle.chmod(options.mode)
              await handle.close()
              await fsp.rename(partial, options.path)
            },
            catch: refuse
          })
        )
      ),
    (handle) =>
      Effect.promise(async () => {
        await handle.close().catch(() => {})
        await fsp.rm(partial, { force: true })
      })
  )
}

/** A name that a guest gave for one entry of a folder: nothing that means another folder. */
export const isSafeName = (name: string): boolean =>
  name !== "" && name !== "." && name !== ".." && !/[/\0]/u.test(name)

/** Makes a folder; one that is there already must be a folder and no link to one. */
export const makeDirectory = (where: string): Effect.Effect<void, HostFileError> =>
  attempt("make the folder", where, async () => {
    await fsp.mkdir(path.dirname(where), { recursive: true })
    await fsp.mkdir(where).catch(async (error: unknown) => {
      const there = codeOf(error) === "EEXIST" ? await fsp.lstat(where) : undefined
      if (there?.isDirectory() !== true) throw error
    })
  })

/** Sets a path's permissions. */
export const setMode = (where: string, mode: number): Effect.Effect<void, HostFileError> =>
  attempt("set the mode of", where, () => fsp.chmod(where, mode))

/** Makes a symbolic link in the place of a link or file that is there. */
export const makeSymlink = (where: string, target: string): Effect.Effect<void, HostFileError> =>
  attempt("make the link", where, async () => {
    await fsp.rm(where, { force: true })
    await fsp.symlink(target, where)
  })

/** The path without links. */
export const realPath = (where: string): Effect.Effect<string, HostFileError> =>
  attempt("find", where, () => fsp.realpath(where))

/** Whether a path exists, links followed. */
export const exists = (where: string): Effect.Effect<boolean> => Effect.sync(() => fs.existsSync(where))

/** Whether something is at a path, be it a link to nothing. */
export const isThere = (where: string): Effect.Effect<boolean> =>
  Effect.sync(() => fs.lstatSync(where, { throwIfNoEntry: false }) !== undefined)

/** Whether a path is a folder, links followed. */
export const isDirectory = (where: string): Effect.Effect<boolean> =>
  Effect.sync(() => fs.statSync(where, { throwIfNoEntry: false })?.isDirectory() ?? false)

/** Removes a file or a tree; what is not there is no error. */
export const remove = (where: string): Effect.Effect<void, HostFileError> =>
  attempt("remove", where, () => fsp.rm(where, { recursive: true, force: true }))
