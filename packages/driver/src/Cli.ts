import * as Command from "effect/cli/Command"
import { cache } from "./commands/cache.ts"
import { check } from "./commands/check.ts"
import { doctor } from "./commands/doctor.ts"
import { images } from "./commands/images.ts"
import { repl } from "./commands/repl.ts"
import { report } from "./commands/report.ts"
import { run } from "./commands/run.ts"
import { shell } from "./commands/shell.ts"
import { template } from "./commands/template.ts"

/** The whole command line; each subcommand has its own file. */
export const Cli = Command.make("nix-vm-test").pipe(
  Command.withDescription("Integration tests on real Linux virtual machines"),
  Command.withSubcommands([run, check, shell, repl, images, report, template, cache, doctor])
)
