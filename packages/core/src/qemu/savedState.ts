/** A guest's device state: out of a stopped QEMU into a file, and from the file into a QEMU that waits for it. RAM stays in its own file. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { receiveInto, type StateSocketError } from "../host/StateSocket.ts"
import type { QemuError } from "./QemuError.ts"
import { QemuError as QemuFailure } from "./QemuError.ts"
import { queryQmp, type Qmp } from "./Qmp.ts"

/** RAM is not in the stream where it lies in a file that outlives QEMU. */
const ignoreShared = (qmp: Qmp) =>
  qmp.execute("migrate-set-capabilities", { capabilities: [{ capability: "x-ignore-shared", state: true }] })

const MigrationInfo = Schema.Struct({
  /** Absent before the first one. */
  status: Schema.optionalKey(Schema.String),
  "error-desc": Schema.optionalKey(Schema.String)
})

const ended = ["completed", "failed", "cancelled"]

const migrationFailed = (detail: string): QemuError =>
  new QemuFailure({ reason: { _tag: "QmpFailed", command: "migrate", class: "GenericError", desc: detail } })

const awaitMigration = (qmp: Qmp): Effect.Effect<void, QemuError> =>
  Effect.gen(function* () {
    while (true) {
      const info = yield* queryQmp(qmp, { command: "query-migrate", reply: MigrationInfo })
      if (info.status === "completed") return
      if (info.status !== undefined && ended.includes(info.status)) {
        return yield* migrationFailed(info["error-desc"] ?? info.status)
      }
      yield* Effect.sleep("3 millis")
    }
  })

export interface StateOptions {
  readonly qmp: Qmp
  readonly file: string
  /** A path of less than 108 bytes for the stream's socket. */
  readonly socket: string
}

/** Saves the state of a stopped guest. */
export const saveState = Effect.fn("savedState.save")(function* (
  options: StateOptions
): Effect.fn.Return<void, QemuError | StateSocketError> {
  const { qmp } = options
  yield* ignoreShared(qmp)
  // The default limit of 128 MiB/s is meant for networks.
  yield* qmp.execute("migrate-set-parameters", { "max-bandwidth": 2 ** 40 })
  yield* receiveInto(
    options,
    Effect.andThen(qmp.execute("migrate", { uri: `unix:${options.socket}` }), awaitMigration(qmp))
  )
})

/** Loads the state from the file that a QEMU started with `-incoming defer` has as its descriptor 3; the guest is stopped afterwards. */
export const loadState = Effect.fn("savedState.load")(function* (qmp: Qmp): Effect.fn.Return<void, QemuError> {
  yield* ignoreShared(qmp)
  // By a socket that the driver writes to, QEMU may close it before the driver has seen the file's end.
  yield* qmp.execute("migrate-incoming", { uri: "fd:3" })
  yield* awaitMigration(qmp)
})
