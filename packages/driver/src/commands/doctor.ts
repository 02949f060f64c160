import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"

const flags = {
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the findings as JSON (default: a table)"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

/** `nix-vm-test doctor`. What it does is loaded when it runs: other commands should not pay for it at their start. */
export const doctor = Command.make("doctor", flags, (options) =>
  Effect.promise(() => import("../doctor/examine.ts")).pipe(Effect.flatMap(({ examine }) => examine(options)))
).pipe(
  Command.withDescription(
    "Show what this host has and lacks for running tests; exits with 2 when something is missing"
  ),
  Command.withShortDescription("Show what this host lacks for running tests")
)
