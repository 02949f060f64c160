/** Takes the lock named by its argument, says so, and holds it until it is killed. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import { fileLock } from "@nix-vm-test/core/store/FileLock"

const hold = Effect.gen(function* () {
  yield* fileLock({ path: process.argv[2] ?? "" })
  yield* Effect.sync(() => console.log("held"))
  yield* Effect.sleep("1 hour")
}).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

await Effect.runPromise(hold)
