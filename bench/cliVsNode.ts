import * as Effect from "effect/Effect"
import type { Figures } from "./Bench.ts"
import { median } from "./median.ts"
import { bundle, runNode } from "./runNode.ts"

const rounds = 15

const commands = {
  node: ["-e", "0"],
  version: [bundle, "--version"],
  help: [bundle, "--help"]
} as const

type Name = keyof typeof commands
const names: ReadonlyArray<Name> = ["node", "version", "help"]

/**
 * How long the command takes to start, as a multiple of Node's own start: `--version`, which loads next to nothing, and `--help`, which loads
 * the whole command line. The three are run in turn, so that a change in the machine's load meets all of them.
 */
export const cliVsNode = Effect.gen(function* () {
  // The first run fills the compile cache, as it does once on a user's machine.
  yield* runNode(commands.help)
  const samples: Record<Name, Array<number>> = { node: [], version: [], help: [] }
  for (let round = 0; round < rounds; round++) {
    for (const name of names) samples[name].push(yield* runNode(commands[name]))
  }
  const node = median(samples.node)
  const version = median(samples.version)
  const help = median(samples.help)
  return {
    nodeMs: node,
    versionMs: version,
    helpMs: help,
    cliVsNode: version / node,
    helpVsNode: help / node
  } satisfies Figures
})
