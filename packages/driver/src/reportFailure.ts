import { styleText } from "node:util"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import { Concluded } from "./Concluded.ts"
import { ShellExited } from "./shell/ShellExited.ts"

/** Set to anything, it shows where an internal error comes from. */
const debugVariable = "NIX_VM_TEST_DEBUG"

const hintOf = (error: unknown): string =>
  error instanceof Error && "hint" in error && typeof error.hint === "string" ? `\n  ${error.hint}` : ""

const describe = (cause: Cause.Cause<unknown>, error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error)
  if (!Cause.hasDies(cause)) return message + hintOf(error)
  const trace = process.env[debugVariable] === undefined ? `  ${debugVariable}=1 shows where` : Cause.pretty(cause)
  return `internal error, please report it: ${message}\n${trace}`
}

/**
 * Says on stderr, in words, why the program ends.
 *
 * Nothing where it was said already: usage errors by the command line's presenter, `Concluded` by the command, interruption by the user, what
 * a shell had to say by the shell.
 */
export const reportFailure = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.sync(() => {
    const error = Cause.squash(cause)
    const isSaid = error instanceof Concluded || error instanceof ShellExited || CliError.isCliError(error)
    if (isSaid || Cause.hasInterruptsOnly(cause)) return
    const prefix = styleText("red", "nix-vm-test:", { stream: process.stderr })
    process.stderr.write(`${prefix} ${describe(cause, error)}\n`)
  })
