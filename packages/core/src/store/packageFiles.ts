/** Files of packages on the host: one that is named, or those that lie in a folder. */
import * as fsp from "node:fs/promises"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { type HostFileError, hostFileError } from "../host/HostTree.ts"
import type { PackageFormat } from "../plan/PackagesPlan.ts"

const attempt = <A>(where: string, work: () => Promise<A>): Effect.Effect<A, HostFileError> =>
  Effect.tryPromise({ try: work, catch: (error) => hostFileError({ operation: "read", path: where, error }) })

/** Absolute paths, sorted: the file itself, or a folder's files with the format's ending. */
export const packageFiles = (where: string, { ending }: PackageFormat) =>
  attempt(where, async (): Promise<ReadonlyArray<string>> => {
    if (!(await fsp.stat(where)).isDirectory()) return [where]
    const names = await fsp.readdir(where)
    return names
      .filter((name) => name.endsWith(ending))
      .toSorted()
      .map((name) => path.join(where, name))
  })

const beginsWith = (file: string, magic: Uint8Array) =>
  attempt(file, async () => {
    await using handle = await fsp.open(file)
    const { buffer } = await handle.read(new Uint8Array(magic.length), 0, magic.length, 0)
    return Buffer.compare(buffer, magic) === 0
  })

/** Why the guest's package manager will not take what is at this place. */
export const packageComplaints = Effect.fnUntraced(function* (where: string, format: PackageFormat) {
  const files = yield* packageFiles(where, format)
  if (files.length === 0) return [`no ${format.ending} file is in ${where}`]
  const found = yield* Effect.forEach(files, (file) =>
    file.endsWith(format.ending)
      ? Effect.map(beginsWith(file, format.magic), (is) =>
          is ? [] : [`${file} is no package, whatever its name says`]
        )
      : Effect.succeed([`${file} is no ${format.ending} package, as this guest wants them`])
  )
  return found.flat()
})
