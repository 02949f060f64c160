/** The script's expectation was not met. Never a failure of the tool or its surroundings: those are `MachineError`s. */
import * as Schema from "effect/Schema"
import { Evidence } from "./evidence.ts"

const Outcome = {
  command: Schema.String,
  exitCode: Schema.Int,
  /** Number of the signal that ended it, 0 for none. */
  signal: Schema.Int
}

/** A command that had to succeed did not. */
export const CommandFailed = Schema.TaggedStruct("CommandFailed", Outcome)
/** A command that had to fail did not. */
export const CommandSucceeded = Schema.TaggedStruct("CommandSucceeded", { command: Schema.String })
/** A command ran longer than it was given; its process group was killed, its output so far is in the evidence. */
export const CommandTimedOut = Schema.TaggedStruct("CommandTimedOut", {
  command: Schema.String,
  seconds: Schema.Finite
})
/** A command could not be started as the script wants it, such as a program or user that is not there, or broke the limit on its output. */
export const CommandRefused = Schema.TaggedStruct("CommandRefused", { command: Schema.String, detail: Schema.String })
/** A wait's deadline passed. */
export const WaitTimedOut = Schema.TaggedStruct("WaitTimedOut", {
  waitedFor: Schema.String,
  seconds: Schema.Finite,
  /** What the last look saw. */
  lastSeen: Schema.String
})
/** A unit can't reach the state that was waited for. */
export const UnitFailed = Schema.TaggedStruct("UnitFailed", { unit: Schema.String, detail: Schema.String })
/** A unit's service manager did not tell its properties. */
export const UnitNotShown = Schema.TaggedStruct("UnitNotShown", {
  unit: Schema.String,
  asked: Schema.String,
  /** Whose service manager; absent: the system's. */
  user: Schema.optionalKey(Schema.String),
  exitCode: Schema.Int
})
/** A unit is in another state than required. */
export const UnitInOtherState = Schema.TaggedStruct("UnitInOtherState", {
  unit: Schema.String,
  expected: Schema.String,
  actual: Schema.String
})
/** A file named by the script, on the host or in the guest, can't be read or written. */
export const FileRefused = Schema.TaggedStruct("FileRefused", {
  operation: Schema.String,
  path: Schema.String,
  detail: Schema.String
})
/** The script threw, rejected, or an assertion of any library in it failed. */
export const ScriptThrew = Schema.TaggedStruct("ScriptThrew", { name: Schema.String, text: Schema.String })
/** The script wanted to end the process. */
export const ScriptExited = Schema.TaggedStruct("ScriptExited", {
  /** Such as `process.exit`. */
  call: Schema.String,
  exitCode: Schema.Int
})
/** The test's own time is over. */
export const GlobalTimeout = Schema.TaggedStruct("GlobalTimeout", {
  seconds: Schema.Finite,
  running: Schema.Array(Schema.String)
})
/** The script asked for what this machine can't do, such as unit calls on a guest without systemd. */
export const NotPossible = Schema.TaggedStruct("NotPossible", { detail: Schema.String })

export const TestFailureReason = Schema.Union([
  CommandFailed,
  CommandSucceeded,
  CommandTimedOut,
  CommandRefused,
  WaitTimedOut,
  UnitFailed,
  UnitNotShown,
  UnitInOtherState,
  FileRefused,
  ScriptThrew,
  ScriptExited,
  GlobalTimeout,
  NotPossible
])
export type TestFailureReason = typeof TestFailureReason.Type

const explain = (reason: TestFailureReason): string => {
  switch (reason._tag) {
    case "CommandFailed":
      return `command \`${reason.command}\` failed (${reason.signal === 0 ? `exit code ${reason.exitCode}` : `killed by signal ${reason.signal}`})`
    case "CommandSucceeded":
      return `command \`${reason.command}\` unexpectedly succeeded`
    case "CommandTimedOut":
      return `command \`${reason.command}\` did not end within ${reason.seconds} s and was killed with all its processes`
    case "CommandRefused":
      return `command \`${reason.command}\` ${reason.detail}`
    case "WaitTimedOut":
      return `waited ${reason.seconds} s for ${reason.waitedFor}; last seen: ${reason.lastSeen}`
    case "UnitFailed":
      return `unit "${reason.unit}" ${reason.detail}`
    case "UnitInOtherState":
      return `Expected unit '${reason.unit}' to be in state '${reason.expected}' but it is in state '${reason.actual}'`
    case "UnitNotShown": {
      const whose = reason.user === undefined ? "" : ` under user "${reason.user}"`
      return `retrieving ${reason.asked} for unit "${reason.unit}"${whose} failed with exit code ${reason.exitCode}`
    }
    case "FileRefused":
      return `can't ${reason.operation} ${reason.path}: ${reason.detail}`
    case "ScriptThrew":
      return reason.text
    case "ScriptExited":
      return `the script called ${reason.call}(${reason.exitCode}); a test ends by coming to its end or throwing`
    case "GlobalTimeout":
      return `the test did not end within ${reason.seconds} s${reason.running.length === 0 ? "" : `; still running: ${reason.running.join("; ")}`}`
    case "NotPossible":
      return reason.detail
  }
}

export class TestFailure extends Schema.TaggedError<TestFailure>()("TestFailure", {
  reason: TestFailureReason,
  machine: Schema.optionalKey(Schema.String),
  evidence: Schema.Array(Evidence)
}) {
  /** The message without the machine's name. */
  get detail(): string {
    return explain(this.reason)
  }
  override get message(): string {
    const where = this.machine === undefined ? "" : `${this.machine}: `
    return where + this.detail
  }
}
