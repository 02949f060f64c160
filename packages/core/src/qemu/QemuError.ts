/** What can go wrong between the driver and QEMU. */
import * as Schema from "effect/Schema"

/** A program is not on this machine. */
export const NotFound = Schema.TaggedStruct("NotFound", {
  program: Schema.String,
  /** Places that were looked at, in their order. */
  searched: Schema.Array(Schema.String),
  hint: Schema.String
})
/** A QEMU is there, but can't tell what it is. */
export const Unusable = Schema.TaggedStruct("Unusable", { binary: Schema.String, detail: Schema.String })
/** The operating system refused to start the process. */
export const SpawnFailed = Schema.TaggedStruct("SpawnFailed", { command: Schema.String, detail: Schema.String })
/** QEMU ended before its monitor answered. */
export const ExitedEarly = Schema.TaggedStruct("ExitedEarly", {
  machine: Schema.String,
  exitCode: Schema.optionalKey(Schema.Int),
  signal: Schema.optionalKey(Schema.String),
  stderrTail: Schema.String
})
/** QEMU refused a monitor command, or answered it in a form that is not understood (class `Undecodable`). */
export const QmpFailed = Schema.TaggedStruct("QmpFailed", {
  command: Schema.String,
  /** QEMU's error class, such as `GenericError` or `CommandNotFound`. */
  class: Schema.String,
  desc: Schema.String
})
/** The monitor's connection is gone, and with it every command under way. */
export const QmpClosed = Schema.TaggedStruct("QmpClosed", { path: Schema.String, detail: Schema.String })
/** KVM was asked for and can't be had. */
export const NoKvm = Schema.TaggedStruct("NoKvm", {
  verdict: Schema.Literals(["absent", "broken"]),
  reason: Schema.String,
  hint: Schema.optionalKey(Schema.String)
})

export const QemuErrorReason = Schema.Union([NotFound, Unusable, SpawnFailed, ExitedEarly, QmpFailed, QmpClosed, NoKvm])
export type QemuErrorReason = typeof QemuErrorReason.Type

const explain = (reason: QemuErrorReason): string => {
  switch (reason._tag) {
    case "NotFound":
      return `${reason.program} was not found (searched ${reason.searched.join(", ")}): ${reason.hint}`
    case "Unusable":
      return `${reason.binary} can't be used: ${reason.detail}`
    case "SpawnFailed":
      return `${reason.command} could not be started: ${reason.detail}`
    case "ExitedEarly": {
      const how =
        reason.signal === undefined
          ? `exited with code ${reason.exitCode ?? "unknown"}`
          : `was ended by ${reason.signal}`
      const said = reason.stderrTail.trim()
      return `QEMU of ${reason.machine} ${how} before its monitor answered${said === "" ? ", without a word" : `:\n${said}`}`
    }
    case "QmpFailed":
      return `QEMU refused ${reason.command}: ${reason.desc} (${reason.class})`
    case "QmpClosed":
      return `QEMU's monitor at ${reason.path} is gone: ${reason.detail}`
    case "NoKvm":
      return `KVM was asked for, but is ${reason.verdict}: ${reason.reason}${reason.hint === undefined ? "" : `\n${reason.hint}`}`
  }
}

export class QemuError extends Schema.TaggedError<QemuError>()("QemuError", { reason: QemuErrorReason }) {
  override get message(): string {
    return explain(this.reason)
  }
}
