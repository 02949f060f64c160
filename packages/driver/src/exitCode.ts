/**
 * What the process says to its caller: 0 passed, 1 test failed, 2 infrastructure, 64 usage, 130 interrupted; a shell's own code passes through.
 */
import type { Verdict } from "@nix-vm-test/core/events/Event"
import { failureOf } from "@nix-vm-test/core/run/failureOf"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as CliError from "effect/cli/CliError"
import { Concluded } from "./Concluded.ts"
import { ShellExited } from "./shell/ShellExited.ts"

const codes: Readonly<Record<Verdict, number>> = {
  passed: 0,
  failed: 1,
  infrastructure: 2,
  usage: 64,
  interrupted: 130
}

const verdictOf = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (Exit.isSuccess(exit)) return "passed"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const error = Cause.squash(exit.cause)
  if (error instanceof Concluded) return error.verdict
  if (CliError.isCliError(error)) return "usage"
  const kind = error instanceof Error ? failureOf(error).kind : "infrastructure"
  return kind === "test" ? "failed" : kind
}

/** Exit code of the whole program. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  const error = Exit.isSuccess(exit) ? undefined : Cause.squash(exit.cause)
  return error instanceof ShellExited ? error.exitCode : codes[verdictOf(exit)]
}
