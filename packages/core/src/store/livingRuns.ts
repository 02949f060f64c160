/**
 * Runs that use the cache now. Each leaves a file while it goes on, whose time is that of its start: whatever was used since the oldest of them
 * began may be theirs and must stay.
 */
import { randomUUID } from "node:crypto"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { livenessOf, ownIdentity, ProcessIdentity } from "../host/ProcessIdentity.ts"
import { CacheDirectory } from "./CacheDirectory.ts"

const RunFile = Schema.fromJsonString(ProcessIdentity)

/** A run in another pid namespace can't be looked at; it counts as living for so long. */
const unseenMs = 24 * 60 * 60 * 1000

/** Keeps what is used from now on in the cache until the Scope closes. A cache that can't be written to loses nothing either. */
export const announceRun = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { runs } = yield* CacheDirectory
  const path = `${runs}/${randomUUID()}.json`
  const text = yield* Effect.orDie(Schema.encodeEffect(RunFile)(yield* ownIdentity))
  yield* Effect.acquireRelease(
    Effect.ignore(Effect.andThen(fs.makeDirectory(runs, { recursive: true }), fs.writeFileString(path, text))),
    () => Effect.ignore(fs.remove(path, { force: true }))
  )
})

/** When the run of this file began, if it goes on; the file of one that does not is removed. */
const startOf = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const owner = yield* Effect.option(Effect.flatMap(fs.readFileString(path), Schema.decodeEffect(RunFile)))
  const started = Option.flatMap(yield* Effect.option(fs.stat(path)), ({ mtime }) => mtime)
  if (Option.isNone(started)) return Option.none<number>()
  const startedMs = started.value.getTime()
  const liveness = Option.isNone(owner) ? "unknown" : yield* livenessOf(owner.value)
  if (liveness === "alive" || (liveness === "unknown" && Date.now() - startedMs < unseenMs))
    return Option.some(startedMs)
  yield* Effect.ignore(fs.remove(path, { force: true }))
  return Option.none<number>()
})

/** Milliseconds since the epoch at which the oldest living run began; `Infinity` when there is none. */
export const oldestRunStart = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { runs } = yield* CacheDirectory
  const names = yield* Effect.orElseSucceed(fs.readDirectory(runs), () => [])
  const starts = yield* Effect.forEach(names, (name) => startOf(`${runs}/${name}`))
  return Math.min(Infinity, ...starts.flatMap(Option.toArray))
})
