import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const flags = {
  target: Argument.String("target").pipe(
    Argument.withDescription('A test (.ts, .mts, .js, .mjs, .json), or an image such as "debian:12" (default: debian)'),
    Argument.withDefault("debian")
  ),
  memory: Flag.String("memory").pipe(
    Flag.withAlias("m"),
    Flag.withMetavar("SIZE"),
    Flag.withDescription('RAM of the machine of an image, such as "2GiB" (default: 1GiB)'),
    Flag.optional
  ),
  accel: Flag.Literals("accel", ["auto", "kvm", "tcg"]).pipe(
    Flag.withDescription("How guests run: kvm, tcg (emulation), or auto (default: as the test says)"),
    Flag.withDefault("auto" as const)
  ),
  noColor: Flag.Boolean("no-color").pipe(
    Flag.withDescription("No colours (default: colours on a terminal)"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

/** `nix-vm-test repl`. What it does is loaded when it runs: other commands should not pay for it at their start. */
export const repl = Command.make("repl", flags, (options) =>
  Effect.promise(() => import("../repl/openRepl.ts")).pipe(Effect.flatMap(({ openRepl }) => openRepl(options)))
).pipe(
  Command.withDescription(
    "A TypeScript console with the machines as variables: await at the prompt, completion, history. The machines and their disks are gone afterwards."
  ),
  Command.withShortDescription("Work with machines in a TypeScript console"),
  Command.withExamples([
    { command: "nix-vm-test repl debian:12", description: "one Debian 12, as the variable machine" },
    { command: "nix-vm-test repl test.ts", description: "the machines of a test; testScript() runs it" }
  ])
)
