/**
 * A lock between processes: a file that names its owner. It outlives no owner: who finds a dead one takes the lock over.
 *
 * `flock(2)` would be simpler, but Node has none, and a file tells users whom they wait for.
 */
import { randomUUID } from "node:crypto"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { livenessOf, ownIdentity, ProcessIdentity } from "../host/ProcessIdentity.ts"
import { hostRefusal } from "./hostRefusal.ts"
import { ImageError } from "./ImageError.ts"

export interface FileLockOptions {
  readonly path: string
  /** Milliseconds to wait for a living owner. Default 30 minutes: it may be building an image. */
  readonly timeoutMs?: number | undefined
  /** Called once, when somebody else holds the lock. */
  readonly onWait?: ((owner: ProcessIdentity) => void) | undefined
}

const defaultTimeoutMs = 30 * 60 * 1000
const pollMs = 50

/**
 * An owner in another pid namespace can't be looked at: it shows that it lives by touching its lock this often, and counts as dead
 * after `silentMs` without.
 */
const heartbeatMs = 5_000
const silentMs = 60_000

const isSameProcess = Schema.toEquivalence(ProcessIdentity)

const Owner = Schema.fromJsonString(ProcessIdentity)

const readOwner = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString(path))
  return yield* Option.match(text, {
    onNone: () => Effect.succeedNone,
    // Text that names nobody is nobody's lock: it is written whole before it gets its name, so this is no half-written one.
    onSome: (found) =>
      Effect.map(Effect.option(Schema.decodeEffect(Owner)(found)), (owner) => Option.some({ text: found, owner }))
  })
})

type Found = Effect.Success<ReturnType<typeof readOwner>>

const isAbandoned = Effect.fnUntraced(function* (path: string, found: Found) {
  if (Option.isNone(found)) return false
  if (Option.isNone(found.value.owner)) return true
  const liveness = yield* livenessOf(found.value.owner.value)
  if (liveness !== "unknown") return liveness === "dead"
  const fs = yield* FileSystem.FileSystem
  const modified = Option.flatMap(yield* Effect.option(fs.stat(path)), (info) => info.mtime)
  return Option.isSome(modified) && Date.now() - modified.value.getTime() > silentMs
})

/** Whether somebody who lives holds the lock. */
export const isLocked = Effect.fn("FileLock.isLocked")(function* (
  path: string
): Effect.fn.Return<boolean, never, FileSystem.FileSystem> {
  const found = yield* readOwner(path)
  return Option.isSome(found) && !(yield* isAbandoned(path, found))
})

/** Takes the lock if nobody has it. The file gets its name with its content already in it, in one step that only one process can win. */
const tryTake = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const mine = `${path}.${randomUUID()}`
  const refused = Effect.mapError(hostRefusal({ operation: "lock", path }))
  const text = yield* Effect.orDie(Schema.encodeEffect(Owner)(yield* ownIdentity))
  return yield* fs.writeFileString(mine, text, { flag: "wx" }).pipe(
    Effect.andThen(
      fs.link(mine, path).pipe(
        Effect.as(true),
        Effect.catchReason("PlatformError", "AlreadyExists", () => Effect.succeed(false))
      )
    ),
    refused,
    Effect.ensuring(Effect.ignore(fs.remove(mine, { force: true })))
  )
})

/**
 * Removes the lock of a dead owner. Two processes may find the same one: the second could remove what the first has just taken. So the
 * removal has a lock of its own, and looks again once it holds it.
 */
const clearAbandoned = (path: string): Effect.Effect<void, ImageError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    yield* fileLock({ path: `${path}.takeover` })
    const found = yield* readOwner(path)
    if (!(yield* isAbandoned(path, found))) return
    const fs = yield* FileSystem.FileSystem
    yield* Effect.mapError(fs.remove(path, { force: true }), hostRefusal({ operation: "lock", path }))
  }).pipe(Effect.scoped)

const waitForTurn = Effect.fnUntraced(function* (options: FileLockOptions) {
  const { path } = options
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const start = performance.now()
  let told = false
  while (!(yield* tryTake(path))) {
    const found = yield* readOwner(path)
    if (yield* isAbandoned(path, found)) {
      yield* clearAbandoned(path)
      continue
    }
    const owner = Option.flatMap(found, (lock) => lock.owner)
    if (Option.isSome(owner)) {
      if (!told) options.onWait?.(owner.value)
      told = true
      const waitedMs = performance.now() - start
      if (waitedMs > timeoutMs) {
        return yield* new ImageError({ reason: { _tag: "LockTimeout", path, pid: owner.value.pid, waitedMs } })
      }
    }
    yield* Effect.interruptible(Effect.sleep(Duration.millis(pollMs)))
  }
})

/** Gives the lock back, unless somebody took it over while this process was stopped for long. */
const release = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const owner = Option.flatMap(yield* readOwner(path), (lock) => lock.owner)
  const own = yield* ownIdentity
  if (Option.isNone(owner) || !isSameProcess(owner.value, own)) return
  yield* Effect.ignore(fs.remove(path, { force: true }))
})

/** Waits for the lock and holds it until the Scope closes. The wait can be interrupted. The lock's folder must exist. */
export const fileLock = Effect.fn("FileLock.acquire")(function* (
  options: FileLockOptions
): Effect.fn.Return<void, ImageError, FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  // Acquiring is uninterruptible but for the pauses of the wait: an interruption can't fall between taking the lock and knowing it.
  yield* Effect.acquireRelease(waitForTurn(options), () => release(options.path))
  yield* Effect.sync(() => Date.now()).pipe(
    Effect.flatMap((now) => Effect.ignore(fs.utimes(options.path, now / 1000, now / 1000))),
    Effect.repeat(Schedule.spaced(Duration.millis(heartbeatMs))),
    Effect.forkScoped
  )
})
