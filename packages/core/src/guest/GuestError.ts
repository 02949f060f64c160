/** What can go wrong between the driver and the agent inside a guest. */
import * as Schema from "effect/Schema"

/** Nobody answered: the agent never came, or stopped answering. */
export const AgentSilent = Schema.TaggedStruct("AgentSilent", {
  /** What was waited for, such as `the agent's hello`. */
  waitedFor: Schema.String,
  afterMs: Schema.Finite
})
/** The guest booted again while the call ran; the handle goes on with the new boot. */
export const GuestRebooted = Schema.TaggedStruct("GuestRebooted", {})
/** The agent was killed, restarted or lost its session while the call ran. */
export const AgentRestarted = Schema.TaggedStruct("AgentRestarted", {})
/** The guest was put back to a checkpoint while the call ran; what it did is undone. */
export const GuestRestored = Schema.TaggedStruct("GuestRestored", {})
/** The port is gone: QEMU ended or the machine was stopped. */
export const ChannelClosed = Schema.TaggedStruct("ChannelClosed", {})
/** The agent said something that the protocol does not allow. */
export const ProtocolViolation = Schema.TaggedStruct("ProtocolViolation", { detail: Schema.String })
/** The guest's operating system refused: a file, user or program. */
export const GuestRefused = Schema.TaggedStruct("GuestRefused", {
  operation: Schema.String,
  subject: Schema.String,
  /** Name of the error number, such as `ENOENT`. */
  code: Schema.String
})
/** Fewer or more bytes arrived than the agent sent. */
export const BytesLost = Schema.TaggedStruct("BytesLost", {
  stream: Schema.String,
  sent: Schema.Finite,
  received: Schema.Finite
})
/** More output than the caller allowed to keep in memory. */
export const OutputTooLarge = Schema.TaggedStruct("OutputTooLarge", { limitBytes: Schema.Finite })

export const GuestErrorReason = Schema.Union([
  AgentSilent,
  GuestRebooted,
  AgentRestarted,
  GuestRestored,
  ChannelClosed,
  ProtocolViolation,
  GuestRefused,
  BytesLost,
  OutputTooLarge
])
export type GuestErrorReason = typeof GuestErrorReason.Type

const explain = (reason: GuestErrorReason): string => {
  switch (reason._tag) {
    case "AgentSilent":
      return `no answer: waited ${(reason.afterMs / 1000).toFixed(1)} s for ${reason.waitedFor}`
    case "GuestRebooted":
      return "the guest rebooted while the call ran"
    case "AgentRestarted":
      return "the guest's agent was restarted while the call ran"
    case "GuestRestored":
      return "the guest was restored to a checkpoint while the call ran"
    case "ChannelClosed":
      return "the guest is gone: its channel was closed"
    case "ProtocolViolation":
      return `the guest's agent broke the protocol: ${reason.detail}`
    case "GuestRefused":
      return `${reason.operation} ${reason.subject}: ${reason.code}`
    case "BytesLost":
      return `${reason.stream}: the agent sent ${reason.sent} bytes, ${reason.received} arrived`
    case "OutputTooLarge":
      return `the command wrote more than ${reason.limitBytes} bytes: read its output as a stream, or send it to a file`
  }
}

export class GuestError extends Schema.TaggedError<GuestError>()("GuestError", { reason: GuestErrorReason }) {
  override get message(): string {
    return explain(this.reason)
  }
}

/** Shorthand for an error of one reason. */
export const guestError = (reason: GuestErrorReason): GuestError => new GuestError({ reason })
