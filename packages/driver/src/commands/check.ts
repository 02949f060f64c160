import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const flags = {
  files: Argument.File("file").pipe(
    Argument.withDescription("A test (.ts, .mts, .js, .mjs, .json) or a Python script (.py)"),
    Argument.variadic({ min: 1 })
  ),
  machine: Flag.String("machine").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(
      "A machine of a Python script that comes without a spec (default: machine; may be given again)"
    ),
    Flag.between(0, 100),
    Flag.map((names) => (names.length === 0 ? ["machine"] : names))
  ),
  python: Flag.String("python").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription("The Python interpreter (default: python3)"),
    Flag.withDefault("python3")
  )
}

/** `nix-vm-test check`. What it does is loaded when it runs: other commands should not pay for it at their start. */
export const check = Command.make("check", flags, (options) =>
  Effect.promise(() => import("../check/checkFiles.ts")).pipe(Effect.flatMap(({ checkFiles }) => checkFiles(options)))
).pipe(
  Command.withDescription(
    "Check tests without starting a machine: syntax and spec; Python's names and types by pyflakes and mypy where they are installed, TypeScript's types where typescript is. Exits with 1 when something was found."
  ),
  Command.withShortDescription("Check tests without starting a machine"),
  Command.withExamples([
    { command: "nix-vm-test check test.json", description: "a spec and its script" },
    { command: "nix-vm-test check --machine server --machine client script.py", description: "a script alone" }
  ])
)
