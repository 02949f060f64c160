/**
 * A whole guest at one instant, RAM and disks, kept inside of its own disk image: saved and loaded by the QEMU that runs it. Both leave the
 * guest stopped.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { QemuError } from "./QemuError.ts"
import { queryQmp, type Qmp } from "./Qmp.ts"

export interface SnapshotOptions {
  readonly qmp: Qmp
  /** Unique among the machine's snapshots. */
  readonly tag: string
  /** The disk that carries the RAM, by the id of its drive. */
  readonly stateDisk: string
}

const Drives = Schema.Array(
  Schema.Struct({
    device: Schema.String,
    /** Absent for a drive without a medium. */
    inserted: Schema.optionalKey(Schema.Struct({ "node-name": Schema.String, ro: Schema.Boolean }))
  })
)

const Jobs = Schema.Array(
  Schema.Struct({ id: Schema.String, status: Schema.String, error: Schema.optionalKey(Schema.String) })
)

const refused = (command: string, desc: string): QemuError =>
  new QemuError({ reason: { _tag: "QmpFailed", command, class: "GenericError", desc } })

/** The disks that the guest can write to, as the snapshot commands want them. */
const writableDisks = Effect.fnUntraced(function* ({ qmp, stateDisk }: SnapshotOptions, command: string) {
  const drives = yield* queryQmp(qmp, { command: "query-block", reply: Drives })
  const writable = drives.flatMap(({ device, inserted }) =>
    inserted === undefined || inserted.ro ? [] : [{ device, node: inserted["node-name"] }]
  )
  const state = writable.find(({ device }) => device === stateDisk)
  if (state === undefined) return yield* refused(command, `there is no writable disk ${stateDisk}`)
  return { vmstate: state.node, devices: writable.map(({ node }) => node) }
})

/** Runs one of QEMU's jobs to its end. */
const runJob = Effect.fnUntraced(function* (command: "snapshot-save" | "snapshot-load", options: SnapshotOptions) {
  const { qmp, tag } = options
  const disks = yield* writableDisks(options, command)
  const job = `${command}-${tag}`
  yield* qmp.execute(command, { "job-id": job, tag, ...disks })
  while (true) {
    const found = (yield* queryQmp(qmp, { command: "query-jobs", reply: Jobs })).find(({ id }) => id === job)
    if (found?.status === "concluded") {
      yield* qmp.execute("job-dismiss", { id: job })
      return found.error === undefined ? undefined : yield* refused(command, found.error)
    }
    if (found === undefined) return yield* refused(command, "its job has vanished")
    yield* Effect.sleep("3 millis")
  }
})

/**
 * Saves a stopped guest. A clone's RAM is a private mapping of its template's, which was loaded with RAM left out of the stream: here it must
 * be in it.
 */
export const saveSnapshot = Effect.fn("snapshot.save")(function* (
  options: SnapshotOptions
): Effect.fn.Return<void, QemuError> {
  yield* options.qmp.execute("migrate-set-capabilities", {
    capabilities: [{ capability: "x-ignore-shared", state: false }]
  })
  yield* runJob("snapshot-save", options)
})

/** Replaces a stopped guest. When that fails the guest is neither the one nor the other, and of no use any more. */
export const loadSnapshot = Effect.fn("snapshot.load")((options: SnapshotOptions): Effect.Effect<void, QemuError> =>
  runJob("snapshot-load", options)
)
