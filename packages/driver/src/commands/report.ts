import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const flags = {
  log: Argument.Path("log").pipe(
    Argument.withDescription("The events.jsonl of a run, or the folder that --output of that run named")
  ),
  console: Flag.Literals("console", ["all", "failure", "none"]).pipe(
    Flag.withDescription(
      "Which console lines of guests are shown (default: failure, their end where something failed)"
    ),
    Flag.withDefault("failure" as const)
  ),
  noColor: Flag.Boolean("no-color").pipe(
    Flag.withDescription("No colours (default: colours on a terminal)"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

/** `nix-vm-test report`. What it does is loaded when it runs: other commands should not pay for it at their start. */
export const report = Command.make("report", flags, (options) =>
  Effect.promise(() => import("../report/showReport.ts")).pipe(Effect.flatMap(({ showReport }) => showReport(options)))
).pipe(
  Command.withDescription(
    "Show a run again from the events that it wrote; exits with 0 whatever the run's verdict was"
  ),
  Command.withShortDescription("Show a run again from its events.jsonl"),
  Command.withExamples([{ command: "nix-vm-test report out", description: "after nix-vm-test run -o out test.ts" }])
)
