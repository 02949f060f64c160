import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"

/** The command as users get it, in one file. */
export const bundle = fileURLToPath(new URL("../packages/driver/dist/nix-vm-test.mjs", import.meta.url))

/** Runs this Node with arguments to its end, which must be a good one; gives the milliseconds that it took. */
export const runNode = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const options = { stdin: "ignore", stdout: "ignore", stderr: "inherit" } as const
  const started = performance.now()
  const status = yield* spawner.exitCode(ChildProcess.make(process.execPath, args, options))
  const elapsed = performance.now() - started
  return status === 0 ? elapsed : yield* Effect.die(new Error(`node ${args.join(" ")} ended with ${status}`))
})
