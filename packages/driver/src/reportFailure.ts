import { styleText } from "node:util"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import { Concluded } from "./Concluded.ts"

const prefix = (): string => styleText("red", "nix-vm-test:", { stream: process.stderr })

const hintOf = (error: Error): string => ("hint" in error && typeof error.hint === "string" ? `\n  ${error.hint}` : "")

const describe = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (!(error instanceof Error)) return String(error)
  if (Cause.hasDies(cause)) {
    return `internal error, please report it: ${error.message}${process.env.NIX_VM_TEST_DEBUG === undefined ? "\n  NIX_VM_TEST_DEBUG=1 shows where" : `\n${Cause.pretty(cause)}`}`
  }
  return error.message + hintOf(error)
}

/**
 * Says on stderr, in words, why the program ends; the cause with its stack only for a defect and only when asked by `NIX_VM_TEST_DEBUG`.
 *
 * Says nothing where it was said already: usage errors by the command line's own presenter, `Concluded` by the command, interruption by the user.
 */
export const reportFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  const said = Cause.hasInterruptsOnly(cause) || error instanceof Concluded || CliError.isCliError(error)
  return said ? Effect.void : Effect.sync(() => void process.stderr.write(`${prefix()} ${describe(cause)}\n`))
}
