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

/** An exception that ended the script. */
export const ScriptFailure = Schema.Struct({
  /** The exception's class. */
  kind: Schema.String,
  message: Schema.String,
  /** The script's own frames, innermost first. */
  frames: Schema.Array(Schema.Struct({ line: Schema.Int, function: Schema.String })),
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
  failure: Schema.NullOr(ScriptFailure),
  /** Names of threads that the script left running. */
  threads: Schema.Array(Schema.String)
})

export const BridgeMessage = Schema.Union([Hello, Loaded, Call, Finished])
export type BridgeMessage = typeof BridgeMessage.Type
