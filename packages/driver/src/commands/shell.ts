import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"

const flags = {
  distribution: Argument.String("distribution").pipe(
    Argument.withDescription('A distribution such as "debian" or "debian:12", or the path of a disk image')
  ),
  version: Argument.String("version").pipe(
    Argument.withDescription("Its version or code name (default: the newest)"),
    Argument.optional
  ),
  memory: Flag.String("memory").pipe(
    Flag.withAlias("m"),
    Flag.withMetavar("SIZE"),
    Flag.withDescription('The guest\'s RAM, such as "2GiB" (default: 1GiB)'),
    Flag.optional
  ),
  cpus: Flag.Int("cpus").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("COUNT"),
    Flag.withDescription("Processors (default: 1)"),
    Flag.optional
  ),
  diskSize: Flag.String("disk-size").pipe(
    Flag.withMetavar("SIZE"),
    Flag.withDescription('Size of the disk, "10GiB", or what to add to it, "+2GiB" (default: as the image has it)'),
    Flag.optional
  ),
  share: Flag.String("share").pipe(
    Flag.withMetavar("SRC:DST"),
    Flag.withDescription("A folder of the host and where the guest has it (default: none; may be given again)"),
    Flag.between(0, 20)
  ),
  accel: Flag.Literals("accel", ["auto", "kvm", "tcg"]).pipe(
    Flag.withDescription("How the guest runs: kvm, tcg (emulation), or auto (default: auto)"),
    Flag.withDefault("auto" as const)
  ),
  noColor: Flag.Boolean("no-color").pipe(
    Flag.withDescription("No colours while it boots (default: colours on a terminal)"),
    Flag.withDefault(false),
    Flag.withoutNegation
  )
}

/** `nix-vm-test shell`. What it does is loaded when it runs: other commands should not pay for it at their start. */
export const shell = Command.make("shell", flags, (options) =>
  Effect.promise(() => import("../shell/openShell.ts")).pipe(Effect.flatMap(({ openShell }) => openShell(options)))
).pipe(
  Command.withDescription(
    "Boot a fresh guest with internet and open a root shell in it; exits as the shell does. Without a terminal it runs the commands on stdin. The guest and its disk are gone afterwards."
  ),
  Command.withShortDescription("Open a root shell in a fresh guest"),
  Command.withExamples([
    { command: "nix-vm-test shell debian 12", description: "a root shell in Debian 12" },
    { command: "nix-vm-test shell debian:13 --memory 2GiB --share .:/mnt", description: "with this folder in it" },
    { command: "echo uname -r | nix-vm-test shell debian 12", description: "commands from stdin" }
  ])
)
