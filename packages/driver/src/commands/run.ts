import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const flags = {
  test: Argument.File("test").pipe(Argument.withDescription("A test script (.ts, .mts, .js, .mjs) or a spec (.json)")),
  output: Flag.Directory("output").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FOLDER"),
    Flag.withDescription("Folder for events.jsonl, console logs and copied files (default: nothing is kept)"),
    Flag.optional
  ),
  junit: Flag.Path("junit").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Writes the run as JUnit XML, a case for each subtest, as CI servers read it"),
    Flag.optional
  ),
  accel: Flag.Literals("accel", ["auto", "kvm", "tcg"]).pipe(
    Flag.withDescription("How guests run: kvm, tcg (emulation), or auto (default: as the test says)"),
    Flag.optional
  ),
  start: Flag.Literals("start", ["auto", "clone", "cold"]).pipe(
    Flag.withDescription(
      "How machines start: clone (of a booted guest), cold (boot), or auto, a clone where it can be (default: as the test says)"
    ),
    Flag.optional
  ),
  template: Flag.Path("template").pipe(
    Flag.withMetavar("FOLDER"),
    Flag.withDescription(
      "A folder that template make has written: machines that fit start from it (may be given again)"
    ),
    Flag.between(0, 100)
  ),
  keepGoing: Flag.Boolean("keep-going").pipe(
    Flag.withDescription("Go on after a failed subtest; all that failed is told at the end"),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  python: Flag.String("python").pipe(
    Flag.withMetavar("PROGRAM"),
    Flag.withDescription(
      "The Python (3.9 or newer) that runs scripts in that language (default: $NIX_VM_TEST_PYTHON, else python3)"
    ),
    Flag.optional
  ),
  console: Flag.Literals("console", ["all", "failure", "none"]).pipe(
    Flag.withDescription(
      "Which console lines of guests are shown (default: failure, their end where something failed)"
    ),
    Flag.withDefault("failure" as const)
  ),
  secret: Flag.String("secret").pipe(
    Flag.withMetavar("VARIABLE"),
    Flag.withDescription("Name of an environment variable whose value is masked in all output (may be given again)"),
    Flag.between(0, 100)
  ),
  interactive: Flag.Boolean("interactive").pipe(
    Flag.withAlias("i"),
    Flag.withDescription("A console on the machines in place of the script, which test_script() or testScript() runs"),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  pauseOnFailure: Flag.Boolean("pause-on-failure").pipe(
    Flag.withDescription("Where the script fails, keep the machines and open a console on them"),
    Flag.withDefault(false),
    Flag.withoutNegation
  ),
  noColor: Flag.Boolean("no-color").pipe(
    Flag.withDescription("No colours (default: colours on a terminal)"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

/** `nix-vm-test run`. What it does is loaded when it runs: other commands should not pay for it at their start. */
export const run = Command.make("run", flags, (options) =>
  Effect.promise(() => import("../run/runFile.ts")).pipe(Effect.flatMap(({ runFile }) => runFile(options)))
).pipe(
  Command.withDescription(
    "Run a test; exits with 0 passed, 1 failed, 2 infrastructure trouble, 64 wrong usage, 130 interrupted"
  ),
  Command.withShortDescription("Run a test on real virtual machines"),
  Command.withExamples([
    { command: "nix-vm-test run examples/hello/hello.ts", description: "run a test" },
    {
      command: "nix-vm-test run -o out test.ts",
      description: "and keep its events, console logs and copied files in out"
    }
  ])
)
