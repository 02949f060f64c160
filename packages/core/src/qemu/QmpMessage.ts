/** What QEMU says over its monitor protocol (QMP), as far as the driver reads it. */
import * as Schema from "effect/Schema"

const QemuTriple = Schema.Struct({ major: Schema.Int, minor: Schema.Int, micro: Schema.Int })

/** Reply of `query-version`, also part of the greeting. */
export const QmpVersion = Schema.Struct({
  qemu: QemuTriple,
  /** What the builder added, such as `Debian 1:7.2+dfsg-7`; often empty. */
  package: Schema.String
})
export type QmpVersion = typeof QmpVersion.Type

/** The first line of every connection. */
export const QmpGreeting = Schema.Struct({ QMP: Schema.Struct({ version: QmpVersion }) })

/** Something that happened in QEMU, such as `STOP` or `SHUTDOWN`. */
export const QmpEvent = Schema.Struct({
  event: Schema.String,
  data: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  timestamp: Schema.Struct({ seconds: Schema.Finite, microseconds: Schema.Finite })
})
export type QmpEvent = typeof QmpEvent.Type

export const QmpReturn = Schema.Struct({ return: Schema.Unknown, id: Schema.Int })

/** `id` is absent when QEMU could not read the command's own. */
export const QmpFailure = Schema.Struct({
  error: Schema.Struct({ class: Schema.String, desc: Schema.String }),
  id: Schema.optionalKey(Schema.Int)
})

export const QmpMessage = Schema.Union([QmpGreeting, QmpReturn, QmpFailure, QmpEvent])
export type QmpMessage = typeof QmpMessage.Type

/** Reply of `query-status`. */
export const QmpStatus = Schema.Struct({
  running: Schema.Boolean,
  /** Such as `running`, `paused`, `prelaunch`, `inmigrate`, `postmigrate`, `shutdown`, `internal-error`. */
  status: Schema.String
})
export type QmpStatus = typeof QmpStatus.Type
