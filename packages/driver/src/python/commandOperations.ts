/** Commands in the guest, as a Python script asks for them. */
import type { CommandOptions } from "@nix-vm-test/core/machine/commands"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { CallContext } from "./Operation.ts"
import { machineOperation } from "./Operation.ts"

const CommandArguments = Schema.Struct({
  command: Schema.String,
  /** Seconds; null for no limit, as NixOS' driver means it. */
  timeout: Schema.NullOr(Schema.Finite),
  env: Schema.NullOr(Schema.Record(Schema.String, Schema.String)),
  cwd: Schema.NullOr(Schema.String),
  user: Schema.NullOr(Schema.String)
})

const optionsOf = (args: typeof CommandArguments.Type, { parts: [stdin] }: CallContext): CommandOptions => ({
  timeout: args.timeout,
  ...(args.env === null ? {} : { env: args.env }),
  ...(args.cwd === null ? {} : { cwd: args.cwd }),
  ...(args.user === null ? {} : { user: args.user }),
  ...(stdin === undefined ? {} : { stdin })
})

/** The status that `timeout(1)` gives, by which scripts know a time-out. */
const timeoutStatus = 124

/** Shells tell a signal as a status above this. */
const signalStatus = 128

export const commandOperations = {
  /** Gives the exit status, and stdout and stderr as bytes. */
  execute: machineOperation(CommandArguments, (machine, args, context) =>
    Effect.map(machine.exec(args.command, optionsOf(args, context)), (result) => ({
      value: result.timedOut ? timeoutStatus : result.signal === 0 ? result.exitCode : signalStatus + result.signal,
      parts: [result.stdout, result.stderr]
    }))
  ),
  succeed: machineOperation(CommandArguments, (machine, args, context) =>
    Effect.map(machine.succeed(args.command, optionsOf(args, context)), (value) => ({ value }))
  ),
  fail: machineOperation(CommandArguments, (machine, args, context) =>
    Effect.map(machine.fail(args.command, optionsOf(args, context)), (value) => ({ value }))
  )
}
