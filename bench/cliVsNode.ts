import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import type { Figures } from "./Bench.ts"
import { median } from "./median.ts"

const bundle = fileURLToPath(new URL("../packages/driver/dist/nix-vm-test.mjs", import.meta.url))
const rounds = 15

const commands = {
  node: ["-e", "0"],
  version: [bundle, "--version"],
  help: [bundle, "--help"]
} as const

type Name = keyof typeof commands
const names: ReadonlyArray<Name> = ["node", "version", "help"]

const millisecondsOf = Effect.fnUntraced(function* (name: Name) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const options = { stdin: "ignore", stdout: "ignore", stderr: "inherit" } as const
  const started = performance.now()
  const status = yield* spawner.exitCode(ChildProcess.make(process.execPath, commands[name], options))
  const elapsed = performance.now() - started
  return status === 0 ? elapsed : yield* Effect.die(new Error(`node ${commands[name].join(" ")} ended with ${status}`))
})

/**
 * How long the command takes to start, as a multiple of Node's own start: `--version`, which loads next to nothing, and `--help`, which loads
 * the whole command line. The three are run in turn, so that a change in the machine's load meets all of them.
 */
export const cliVsNode = Effect.gen(function* () {
  // The first run fills the compile cache, as it does once on a user's machine.
  yield* millisecondsOf("help")
  const samples: Record<Name, Array<number>> = { node: [], version: [], help: [] }
  for (let round = 0; round < rounds; round++) {
    for (const name of names) samples[name].push(yield* millisecondsOf(name))
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
