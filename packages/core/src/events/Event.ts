/**
 * The one vocabulary of a run: everything that happens leaves through these events, and every report is a reader of them.
 *
 * A run's `events.jsonl` holds one encoded event a line and can be rendered again later.
 */
import * as Schema from "effect/Schema"

/** What every event carries; the bus adds it, producers never do. */
const stamp = {
  /** Position in the run's stream, from 0, without gaps. */
  sequence: Schema.Int,
  /** Host wall clock, milliseconds since the Unix epoch. */
  time: Schema.Finite,
  /** Milliseconds since the run began, from a monotonic clock. */
  elapsed: Schema.Finite
}

/** One stack frame of the user's own script, never of the driver. */
export const ScriptFrame = Schema.Struct({
  file: Schema.String,
  line: Schema.Int,
  column: Schema.Int,
  /** The source line itself, where the file could be read. */
  source: Schema.optionalKey(Schema.String)
})
export type ScriptFrame = typeof ScriptFrame.Type

/** Whose fault a failure is: the script's expectation (`test`), the tool's surroundings (`infrastructure`), the call (`usage`). */
export const FailureKind = Schema.Literals(["test", "infrastructure", "usage", "interrupted"])
export type FailureKind = typeof FailureKind.Type

/** A failure as reports show it. */
export const Failure = Schema.Struct({
  kind: FailureKind,
  /** Tag of the error and of its reason, such as `TestFailure/CommandFailed`. */
  tag: Schema.String,
  /** What happened, in full: one or more lines. */
  message: Schema.String,
  machine: Schema.optionalKey(Schema.String),
  frames: Schema.Array(ScriptFrame),
  /** What was seen last: named blocks of lines, such as the console's tail or a unit's status. */
  evidence: Schema.Array(Schema.Struct({ title: Schema.String, text: Schema.String })),
  /** What to do about it, where that is known. */
  hint: Schema.optionalKey(Schema.String)
})
export type Failure = typeof Failure.Type

export const Verdict = Schema.Literals(["passed", "failed", "infrastructure", "usage", "interrupted"])
export type Verdict = typeof Verdict.Type

/** The stages of a machine's start, in their order. */
export const MachinePhase = Schema.Literals([
  "spawned",
  "firmware",
  "kernel",
  "userspace",
  "connected",
  "settled",
  "disk",
  "shares",
  "ready"
])
export type MachinePhase = typeof MachinePhase.Type

/** Where the time of one boot went; seconds. Parts that the guest can't tell are absent. */
export const BootProfile = Schema.Struct({
  firmware: Schema.optionalKey(Schema.Finite),
  kernel: Schema.optionalKey(Schema.Finite),
  initrd: Schema.optionalKey(Schema.Finite),
  userspace: Schema.optionalKey(Schema.Finite),
  /** QEMU's start to the agent's first answer, on the host's clock. */
  agent: Schema.Finite,
  slowestUnits: Schema.Array(Schema.Struct({ unit: Schema.String, seconds: Schema.Finite }))
})
export type BootProfile = typeof BootProfile.Type

export const LogLevel = Schema.Literals(["debug", "info", "warning", "error"])
export type LogLevel = typeof LogLevel.Type

const fields = {
  /** The first event of a run. */
  RunStarted: {
    runId: Schema.String,
    name: Schema.String,
    machines: Schema.Array(Schema.String),
    /** Version of the driver. */
    driver: Schema.String
  },
  /** The last event of a run. */
  RunFinished: {
    verdict: Verdict,
    durationMs: Schema.Finite,
    failures: Schema.Array(Failure)
  },
  /** One line about a choice that the host made: accelerator, quirk, image source, fallback. */
  Notice: {
    topic: Schema.Literals(["accelerator", "quirk", "image", "host", "network", "retry", "end-of-life", "share"]),
    text: Schema.String,
    machine: Schema.optionalKey(Schema.String)
  },
  /** An image is fetched, verified, built or prepared. `total` is absent where it is not known. */
  ImageProgress: {
    image: Schema.String,
    activity: Schema.Literals(["download", "verify", "build", "prepare", "ready"]),
    text: Schema.String,
    done: Schema.optionalKey(Schema.Finite),
    total: Schema.optionalKey(Schema.Finite),
    unit: Schema.optionalKey(Schema.Literals(["bytes", "steps"]))
  },
  MachinePlanned: {
    machine: Schema.String,
    image: Schema.String,
    memoryBytes: Schema.Finite,
    cpus: Schema.Int,
    accelerator: Schema.Literals(["kvm", "tcg"])
  },
  MachineStarting: { machine: Schema.String, start: Schema.Literals(["cold", "clone"]), pid: Schema.Int },
  /** `sinceStart`: milliseconds since QEMU was spawned. */
  MachinePhaseReached: { machine: Schema.String, phase: MachinePhase, sinceStart: Schema.Finite },
  /** The agent answered: after a boot, a reboot or a restore (new `bootId` when the guest booted). */
  MachineConnected: { machine: Schema.String, bootId: Schema.String, agent: Schema.String },
  MachineReady: { machine: Schema.String, sinceStart: Schema.Finite },
  /** Where the boot's time went: comes once the guest has finished booting and says so, at the latest before it is stopped. */
  BootProfiled: { machine: Schema.String, profile: BootProfile },
  MachineRebooted: { machine: Schema.String, bootId: Schema.String },
  /** An expected end: shutdown by the test or at the run's end. */
  MachineStopped: { machine: Schema.String, how: Schema.String },
  /** An end nobody asked for. */
  MachineDied: { machine: Schema.String, reason: Schema.String, consoleTail: Schema.Array(Schema.String) },
  /** One line of the serial console, as the guest wrote it: readers must strip control sequences. */
  ConsoleLine: { machine: Schema.String, text: Schema.String },
  StepStarted: {
    /** Unique within the run, such as `s12`. */
    step: Schema.String,
    /** The step that this one is part of; parallel steps nest rightly by it. */
    parent: Schema.optionalKey(Schema.String),
    machine: Schema.optionalKey(Schema.String),
    kind: Schema.Literals(["command", "wait", "copy", "lifecycle", "subtest", "nested"]),
    /** As the log shows it, such as `must succeed: true`. */
    title: Schema.String
  },
  StepFinished: {
    step: Schema.String,
    outcome: Schema.Literals(["passed", "failed", "interrupted"]),
    durationMs: Schema.Finite,
    /** Why it failed, in one line. */
    detail: Schema.optionalKey(Schema.String)
  },
  /** A chunk of a command's output, decoded; a step's chunks together are what the command wrote. */
  CommandOutput: {
    machine: Schema.String,
    step: Schema.String,
    stream: Schema.Literals(["stdout", "stderr"]),
    text: Schema.String
  },
  /** A line from the script (`log`, `console.log`) or from the driver. */
  Log: {
    level: LogLevel,
    text: Schema.String,
    machine: Schema.optionalKey(Schema.String),
    step: Schema.optionalKey(Schema.String)
  },
  /** From now on live reports show what guests write to their consoles, or no longer do. */
  ConsolesShown: { shown: Schema.Boolean },
  /** A person types in the terminal, or has done so: nobody else writes to it meanwhile. */
  TerminalTaken: {
    machine: Schema.String,
    taken: Schema.Boolean
  },
  /** A file in the output folder; `path` is relative to it. */
  ArtifactSaved: {
    path: Schema.String,
    kind: Schema.Literals(["console", "file", "screenshot", "report", "log"]),
    machine: Schema.optionalKey(Schema.String)
  }
} as const

export const RunStarted = Schema.TaggedStruct("RunStarted", { ...stamp, ...fields.RunStarted })
export const RunFinished = Schema.TaggedStruct("RunFinished", { ...stamp, ...fields.RunFinished })
export const Notice = Schema.TaggedStruct("Notice", { ...stamp, ...fields.Notice })
export const ImageProgress = Schema.TaggedStruct("ImageProgress", { ...stamp, ...fields.ImageProgress })
export const MachinePlanned = Schema.TaggedStruct("MachinePlanned", { ...stamp, ...fields.MachinePlanned })
export const MachineStarting = Schema.TaggedStruct("MachineStarting", { ...stamp, ...fields.MachineStarting })
export const MachinePhaseReached = Schema.TaggedStruct("MachinePhaseReached", {
  ...stamp,
  ...fields.MachinePhaseReached
})
export const MachineConnected = Schema.TaggedStruct("MachineConnected", { ...stamp, ...fields.MachineConnected })
export const MachineReady = Schema.TaggedStruct("MachineReady", { ...stamp, ...fields.MachineReady })
export const BootProfiled = Schema.TaggedStruct("BootProfiled", { ...stamp, ...fields.BootProfiled })
export const MachineRebooted = Schema.TaggedStruct("MachineRebooted", { ...stamp, ...fields.MachineRebooted })
export const MachineStopped = Schema.TaggedStruct("MachineStopped", { ...stamp, ...fields.MachineStopped })
export const MachineDied = Schema.TaggedStruct("MachineDied", { ...stamp, ...fields.MachineDied })
export const ConsoleLine = Schema.TaggedStruct("ConsoleLine", { ...stamp, ...fields.ConsoleLine })
export const StepStarted = Schema.TaggedStruct("StepStarted", { ...stamp, ...fields.StepStarted })
export const StepFinished = Schema.TaggedStruct("StepFinished", { ...stamp, ...fields.StepFinished })
export const CommandOutput = Schema.TaggedStruct("CommandOutput", { ...stamp, ...fields.CommandOutput })
export const Log = Schema.TaggedStruct("Log", { ...stamp, ...fields.Log })
export const ConsolesShown = Schema.TaggedStruct("ConsolesShown", { ...stamp, ...fields.ConsolesShown })
export const TerminalTaken = Schema.TaggedStruct("TerminalTaken", { ...stamp, ...fields.TerminalTaken })
export const ArtifactSaved = Schema.TaggedStruct("ArtifactSaved", { ...stamp, ...fields.ArtifactSaved })

/** Everything a run can report. */
export const Event = Schema.Union([
  RunStarted,
  RunFinished,
  Notice,
  ImageProgress,
  MachinePlanned,
  MachineStarting,
  MachinePhaseReached,
  MachineConnected,
  MachineReady,
  BootProfiled,
  MachineRebooted,
  MachineStopped,
  MachineDied,
  ConsoleLine,
  StepStarted,
  StepFinished,
  CommandOutput,
  Log,
  ConsolesShown,
  TerminalTaken,
  ArtifactSaved
])
export type Event = typeof Event.Type

type WithoutStamp<E> = E extends { readonly _tag: string } ? Omit<E, keyof typeof stamp> : never

/** An event as its producer writes it, before the bus adds sequence and times. */
export type EventBody = WithoutStamp<Event>
