/**
 * Which process made a file, in a form that outlives it: a pid alone may be taken by another process later.
 *
 * Lock files and run directories name their owner by it, so that what a crashed driver left can be told from what a
 * live one uses.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"

/** A process of one boot of one host. */
export const ProcessIdentity = Schema.Struct({
  pid: Schema.Int,
  /** Clock ticks from the host's boot to the process's start: field 22 of `/proc/PID/stat`. */
  startTime: Schema.String,
  /** `/proc/sys/kernel/random/boot_id`. */
  bootId: Schema.String,
  /**
   * Identity of the pid namespace, such as `pid:[4026531836]`: containers may share a directory without sharing pids.
   */
  pidNamespace: Schema.String
})
export type ProcessIdentity = typeof ProcessIdentity.Type

/** `unknown`: the process lives, or lived, in a pid namespace that can't be seen from here. */
export type Liveness = "alive" | "dead" | "unknown"

const bootIdPath = "/proc/sys/kernel/random/boot_id"

/** Identity of the host's present boot. Dies where there is no `/proc`: the driver runs on Linux only. */
export const hostBootId: Effect.Effect<string, never, FileSystem.FileSystem> = FileSystem.FileSystem.use((fs) =>
  fs.readFileString(bootIdPath)
).pipe(
  Effect.map((text) => text.trim()),
  Effect.orDie
)

/** State letter and start time out of `/proc/PID/stat`; undefined for text of another form. */
export const parseProcessStat = (text: string): { readonly state: string; readonly startTime: string } | undefined => {
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const fields = text
    .slice(text.lastIndexOf(")") + 1)
    .trim()
    .split(" ")
  const [state, startTime] = [fields[0], fields[19]]
  return text.includes(")") && state !== undefined && state !== "" && startTime !== undefined
    ? { state, startTime }
    : undefined
}

const statOf = (pid: number) =>
  FileSystem.FileSystem.use((fs) => fs.readFileString(`/proc/${pid}/stat`)).pipe(
    Effect.map(parseProcessStat),
    Effect.orElseSucceed(() => undefined)
  )

/** The identity of this process. */
export const ownIdentity: Effect.Effect<ProcessIdentity, never, FileSystem.FileSystem> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const stat = yield* statOf(process.pid)
  if (stat === undefined) {
    return yield* Effect.die(new Error("/proc/self/stat can't be read: the driver needs Linux with /proc mounted"))
  }
  const pidNamespace = yield* Effect.orDie(fs.readLink("/proc/self/ns/pid"))
  return { pid: process.pid, startTime: stat.startTime, bootId: yield* hostBootId, pidNamespace }
})

/** Whether the process still runs. A zombie counts as dead: it owns nothing any more. */
export const livenessOf = Effect.fn("ProcessIdentity.livenessOf")(function* (
  identity: ProcessIdentity
): Effect.fn.Return<Liveness, never, FileSystem.FileSystem> {
  const own = yield* ownIdentity
  if (identity.bootId !== own.bootId) return "dead"
  if (identity.pidNamespace !== own.pidNamespace) return "unknown"
  const stat = yield* statOf(identity.pid)
  return stat !== undefined && stat.startTime === identity.startTime && stat.state !== "Z" ? "alive" : "dead"
})
