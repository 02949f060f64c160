/** Adds to the number in a file, many times, in two steps that need a lock between them: `LOCK COUNTER TIMES`. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { fileLock } from "@nix-vm-test/core/store/FileLock"

const [lock = "", counter = "", times = "0"] = process.argv.slice(2)

const increment = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  yield* fileLock({ path: lock })
  const before = Number(yield* fs.readFileString(counter))
  yield* Effect.sleep("1 millis")
  yield* fs.writeFileString(counter, String(before + 1))
}).pipe(Effect.scoped)

await Effect.runPromise(
  increment.pipe(Effect.repeat({ times: Number(times) - 1 }), Effect.provide(NodeFileSystem.layer))
)
console.log("done")
