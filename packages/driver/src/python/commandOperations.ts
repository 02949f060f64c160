/** Commands in the guest, as a Python script asks for them. */
import type { GuestError } from "@nix-vm-test/core/guest/GuestError"
import type { CommandOptions } from "@nix-vm-test/core/machine/commands"
import { MachineError } from "@nix-vm-test/core/machine/MachineError"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
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

const launchFailed = (machine: string, error: GuestError): MachineError =>
  new MachineError({ machine, reason: { _tag: "ChannelFailed", cause: error.reason }, evidence: [] })

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
  ),
  waitUntilSucceeds: machineOperation(CommandArguments, (machine, args, context) =>
    Effect.map(machine.waitUntilSucceeds(args.command, optionsOf(args, context)), (value) => ({ value }))
  ),
  waitUntilFails: machineOperation(CommandArguments, (machine, args, context) =>
    Effect.map(machine.waitUntilFails(args.command, optionsOf(args, context)), (value) => ({ value }))
  ),
  /** Starts a command that goes on while the script does, at most until its end. Its output is not kept. */
  launch: machineOperation(
    CommandArguments,
    Effect.fnUntraced(function* (machine, args, context) {
      const { timeout: _, stdin, ...options } = optionsOf(args, context)
      const process = yield* machine
        .spawn(args.command, { ...options, interactiveStdin: stdin !== undefined })
        .pipe(Effect.catchTag("GuestError", (error) => Effect.fail(launchFailed(machine.name, error))))
      if (stdin !== undefined) {
        const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin
        yield* Effect.forkScoped(Effect.ignore(Effect.andThen(process.write(bytes), process.endStdin)))
      }
      const drained = Effect.all([Stream.runDrain(process.stdout), Stream.runDrain(process.stderr)], {
        concurrency: "unbounded"
      })
      yield* Effect.forkScoped(Effect.ignore(drained))
      return {}
    })
  )
}
