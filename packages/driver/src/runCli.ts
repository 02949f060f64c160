import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import { Cli } from "./Cli.ts"
import { runProgram } from "./runProgram.ts"
import { usagePresenter } from "./usagePresenter.ts"
import { version } from "./version.ts"

const layer = Layer.mergeAll(
  NodeServices.layer,
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
  CliOutput.layerPresenter(usagePresenter),
  // stdout belongs to the commands.
  Layer.succeed(References.LogToStderr, true)
)

/** Runs the command line of this process and sets its exit code. */
export const runCli = (): void => runProgram(Cli.pipe(Command.run({ version }), Effect.provide(layer)))
