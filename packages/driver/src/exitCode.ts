/**
 * What the process says to its caller: 0 passed, 1 test failed, 2 infrastructure, 64 usage, 130 interrupted.
 */
import type { Verdict } from "@nix-vm-test/core/events/Event"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as CliError from "effect/cli/CliError"
import { Concluded } from "./Concluded.ts"

const codes: Readonly<Record<Verdict, number>> = {
  passed: 0,
  failed: 1,
  infrastructure: 2,
  usage: 64,
  interrupted: 130
}

/** Errors whose kind alone says whose fault they are; any other is the surroundings'. */
const verdictByTag: Readonly<Record<string, Verdict>> = { TestFailure: "failed", SpecError: "usage" }

const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error && typeof error._tag === "string" ? error._tag : ""

const verdictOf = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (Exit.isSuccess(exit)) return "passed"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const error = Cause.squash(exit.cause)
  if (error instanceof Concluded) return error.verdict
  return CliError.isCliError(error) ? "usage" : (verdictByTag[tagOf(error)] ?? "infrastructure")
}

/** Exit code of the whole program. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>): number => codes[verdictOf(exit)]
