/** What the result of Nixpkgs' `closureInfo` says: a folder with the paths of a closure, one a line, and their registration. */
import * as fsp from "node:fs/promises"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { hostFileError, type HostFileError } from "../host/HostTree.ts"

const readText = (file: string): Effect.Effect<string, HostFileError> =>
  Effect.tryPromise({
    try: () => fsp.readFile(file, "utf8"),
    catch: (error) => hostFileError({ operation: "read", path: file, error })
  })

/** The closures' paths, each once. */
export const closurePaths = Effect.fnUntraced(function* (closureInfo: ReadonlyArray<string>) {
  const lists = yield* Effect.forEach(closureInfo, (folder) => readText(path.join(folder, "store-paths")))
  return [...new Set(lists.flatMap((list) => list.split("\n").filter((line) => line !== "")))]
})

/** What `nix-store --load-db` reads. */
export const registrationOf = (closureInfo: ReadonlyArray<string>): Effect.Effect<string, HostFileError> =>
  Effect.map(
    Effect.forEach(closureInfo, (folder) => readText(path.join(folder, "registration"))),
    (parts) => parts.join("")
  )
