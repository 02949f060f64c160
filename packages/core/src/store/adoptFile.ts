import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { hostRefusal } from "./hostRefusal.ts"

/** Gives a finished file its place in the cache: on the disk for good, read-only, then renamed. */
export const adoptFile = (from: string, to: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.open(from, { flag: "r+" })
    yield* file.sync
    yield* fs.chmod(from, 0o444)
    yield* fs.rename(from, to)
  }).pipe(Effect.scoped, Effect.mapError(hostRefusal({ operation: "write", path: to })))
