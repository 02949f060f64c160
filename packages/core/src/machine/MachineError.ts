/** A machine could not do its part: boot, channel, QEMU or the guest's own end. Never the script's fault. */
import * as Schema from "effect/Schema"
import { GuestErrorReason } from "../guest/GuestError.ts"
import { GuestError } from "../guest/GuestError.ts"
import { Evidence } from "./evidence.ts"

/** The agent did not answer before the boot's deadline. */
export const BootTimedOut = Schema.TaggedStruct("BootTimedOut", { seconds: Schema.Finite, phase: Schema.String })
/** QEMU could not be started, or somebody or something outside of it ended it. */
export const QemuDied = Schema.TaggedStruct("QemuDied", { detail: Schema.String })
/** QEMU itself failed: it exited, aborted, or its accelerator gave up on the guest. */
export const QemuCrashed = Schema.TaggedStruct("QemuCrashed", { detail: Schema.String })
/** The guest's kernel panicked, or its start ended in an emergency shell. */
export const GuestCrashed = Schema.TaggedStruct("GuestCrashed", { sign: Schema.String, line: Schema.String })
/** The guest powered itself off while something was asked of it. */
export const GuestPoweredOff = Schema.TaggedStruct("GuestPoweredOff", {})
/** The machine is not running. */
export const NotRunning = Schema.TaggedStruct("NotRunning", { state: Schema.String })
/** The channel into the guest failed. */
export const ChannelFailed = Schema.TaggedStruct("ChannelFailed", { cause: GuestErrorReason })
/** A step of the start failed inside the guest. */
export const SetupFailed = Schema.TaggedStruct("SetupFailed", { step: Schema.String, detail: Schema.String })
/** The machine did not stop by any rung of the ladder. */
export const StopFailed = Schema.TaggedStruct("StopFailed", { detail: Schema.String })
/** QEMU refused an operation. */
export const MonitorRefused = Schema.TaggedStruct("MonitorRefused", { operation: Schema.String, detail: Schema.String })
/** Devices could not be plugged into the running machine, by QEMU's word or since its guest does not find them. */
export const DevicesRefused = Schema.TaggedStruct("DevicesRefused", { detail: Schema.String })

export const MachineErrorReason = Schema.Union([
  BootTimedOut,
  QemuDied,
  QemuCrashed,
  GuestCrashed,
  GuestPoweredOff,
  NotRunning,
  ChannelFailed,
  SetupFailed,
  StopFailed,
  MonitorRefused,
  DevicesRefused
])
export type MachineErrorReason = typeof MachineErrorReason.Type

const explain = (reason: MachineErrorReason): string => {
  switch (reason._tag) {
    case "BootTimedOut":
      return `did not answer within ${reason.seconds} s; it got as far as: ${reason.phase}`
    case "QemuDied":
    case "QemuCrashed":
      return `QEMU ended: ${reason.detail}`
    case "GuestCrashed":
      return `${reason.sign}: ${reason.line}`
    case "GuestPoweredOff":
      return "the guest powered itself off"
    case "NotRunning":
      return `the machine is ${reason.state}; start() it first`
    case "ChannelFailed":
      return new GuestError({ reason: reason.cause }).message
    case "SetupFailed":
      return `${reason.step} failed: ${reason.detail}`
    case "StopFailed":
      return `could not be stopped: ${reason.detail}`
    case "MonitorRefused":
      return `QEMU refused ${reason.operation}: ${reason.detail}`
    case "DevicesRefused":
      return `the test's devices could not be plugged in: ${reason.detail}`
  }
}

export class MachineError extends Schema.TaggedError<MachineError>()("MachineError", {
  machine: Schema.String,
  reason: MachineErrorReason,
  evidence: Schema.Array(Evidence),
  /** What to do about it, where that is known. */
  hint: Schema.optionalKey(Schema.String)
}) {
  /** The message without the machine's name. */
  get detail(): string {
    return explain(this.reason)
  }
  override get message(): string {
    return `${this.machine}: ${this.detail}`
  }
}
