import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import { Cli } from "./Cli.ts"
import { exitCode } from "./exitCode.ts"
import { reportFailure } from "./reportFailure.ts"
import { usagePresenter } from "./usagePresenter.ts"
import { version } from "./version.ts"

const layer = Layer.mergeAll(
  NodeServices.layer,
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
  CliOutput.layerPresenter(usagePresenter),
  // stdout belongs to the commands.
  Layer.succeed(References.LogToStderr, true)
)

/** The first interrupt stops the machines in order; a second one ends the process at once, and QEMU dies with it. */
const forceOnSecondInterrupt = (): void => {
  let interrupts = 0
  process.on("SIGINT", () => {
    if (++interrupts > 1) process.exit(130)
  })
}

/** Runs the command line of this process and sets its exit code. */
export const runCli = (): void => {
  forceOnSecondInterrupt()
  const program = Cli.pipe(Command.run({ version }), Effect.tapCause(reportFailure), Effect.provide(layer))
  NodeRuntime.runMain(program, { disableErrorReporting: true, teardown: (exit, onExit) => onExit(exitCode(exit)) })
}
