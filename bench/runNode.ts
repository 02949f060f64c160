import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"

/** The command as users get it, in one file. */
export const bundle = fileURLToPath(new URL("../packages/driver/dist/nix-vm-test.mjs", import.meta.url))

/** Runs this Node with arguments to its end, which must be a good one; gives the milliseconds that it took. */
export const runNode = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const started = performance.now()
  // A command that fails here is a defect of the bench, and says so with its own output.
  yield* Effect.promise(() => promisify(execFile)(process.execPath, [...args]))
  return performance.now() - started
})
