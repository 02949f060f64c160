/** What the Python side of the bridge says. It is the user's own process: what is of no known form ends the script, never the driver. */
import * as Schema from "effect/Schema"

/** The first message: the interpreter runs and has its end of the bridge. */
export const Hello = Schema.Struct({ type: Schema.Literal("hello"), python: Schema.String })

/** Asks for an operation; its answer carries the same `id`. */
export const Call = Schema.Struct({
  type: Schema.Literal("call"),
  id: Schema.Int,
  operation: Schema.String,
  args: Schema.Record(Schema.String, Schema.Unknown),
  /** The step that the script's code is in. */
  step: Schema.optionalKey(Schema.String)
})
export type Call = typeof Call.Type

/** Answers a question that the driver asked about a call. */
export const Answer = Schema.Struct({ type: Schema.Literal("answer"), question: Schema.Int, value: Schema.Unknown })

/** The script does not wait for a call any more: what it does is to end. */
export const Cancel = Schema.Struct({ type: Schema.Literal("cancel"), id: Schema.Int })

/** An exception that ended the script. */
export const ScriptFailure = Schema.Struct({
  /** The exception's class. */
  kind: Schema.String,
  message: Schema.String,
  /** Frames of the script and its modules, innermost first. */
  frames: Schema.Array(
    Schema.Struct({ file: Schema.String, line: Schema.Int, function: Schema.String, source: Schema.String })
  ),
  /** The traceback as the log shows it. */
  lines: Schema.Array(Schema.String),
  /** The number of the driver's own error that the script let through. */
  failure: Schema.NullOr(Schema.Int),
  /** Of `sys.exit`. */
  exitCode: Schema.optionalKey(Schema.Int)
})
export type ScriptFailure = typeof ScriptFailure.Type

/** The script is compiled, or is no Python. */
export const Loaded = Schema.Struct({ type: Schema.Literal("loaded"), failure: Schema.NullOr(ScriptFailure) })

/** The last message: the script has ended. */
export const Finished = Schema.Struct({
  type: Schema.Literal("finished"),
  /** What failed in it: parts after which it went on, and what ended it. */
  failures: Schema.Array(ScriptFailure),
  /** Names of threads that the script left running. */
  threads: Schema.Array(Schema.String)
})

export const BridgeMessage = Schema.Union([Hello, Loaded, Call, Answer, Cancel, Finished])
export type BridgeMessage = typeof BridgeMessage.Type
