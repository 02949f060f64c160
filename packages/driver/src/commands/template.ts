import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

/** What the subcommands do is loaded when they run: other commands should not pay for it at their start. */
const make = Command.make(
  "make",
  {
    target: Argument.String("target").pipe(
      Argument.withDescription('A distribution such as "debian" or "debian:12", a disk image, or a test or spec file')
    ),
    version: Argument.String("version").pipe(
      Argument.withDescription("The distribution's version or code name (default: the newest)"),
      Argument.optional
    ),
    output: Flag.Path("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FOLDER"),
      Flag.withDescription("Folder to write to; it must not be there yet")
    ),
    memory: Flag.String("memory").pipe(
      Flag.withAlias("m"),
      Flag.withMetavar("SIZE"),
      Flag.withDescription('RAM of the machines that it is for, such as "2GiB" (default: 1GiB)'),
      Flag.optional
    ),
    cpus: Flag.Int("cpus").pipe(
      Flag.withAlias("c"),
      Flag.withMetavar("COUNT"),
      Flag.withDescription("Their processors (default: 1)"),
      Flag.optional
    ),
    accel: Flag.Literals("accel", ["auto", "kvm", "tcg"]).pipe(
      Flag.withDescription("How they run: kvm, tcg (emulation), or auto (default: auto, or as the test says)"),
      Flag.optional
    )
  },
  (options) =>
    Effect.promise(() => import("../template/writeTemplates.ts")).pipe(
      Effect.flatMap(({ writeTemplates }) => writeTemplates(options))
    )
).pipe(
  Command.withDescription(
    "Boot a guest, or one of each shape that a test has, and write it to a folder that other hosts can start machines from"
  ),
  Command.withShortDescription("Write booted guests to a folder"),
  Command.withExamples([
    {
      command: "nix-vm-test template make debian 12 -o debian-12.template",
      description: "for machines of the default shape"
    },
    { command: "nix-vm-test template make test.ts -o templates", description: "for all machines of a test" },
    { command: "nix-vm-test run --template templates test.ts", description: "use them" }
  ])
)

const verify = Command.make(
  "verify",
  {
    folder: Argument.Path("folder").pipe(Argument.withDescription("A folder that template make has written"))
  },
  (options) =>
    Effect.promise(() => import("../template/verifyTemplates.ts")).pipe(
      Effect.flatMap(({ verifyTemplates }) => verifyTemplates(options))
    )
).pipe(
  Command.withDescription(
    "Read a template's files to their ends, and say whether it fits this host; exits with 2 when it is damaged"
  ),
  Command.withShortDescription("Check a folder of templates")
)

/** `nix-vm-test template`. */
export const template = Command.make("template").pipe(
  Command.withDescription("Make templates of booted guests ahead, as files that can be shipped"),
  Command.withShortDescription("Make and check templates as files"),
  Command.withSubcommands([make, verify])
)
