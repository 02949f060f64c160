/** Makes a run directory, prints its path, and holds it until it is killed. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import { makeRunDirectory } from "@nix-vm-test/core/host/RunDirectory"

setInterval(() => {}, 1000)
await Effect.runPromise(
  makeRunDirectory().pipe(
    Effect.tap((path) => Effect.sync(() => process.stdout.write(`${path}\n`))),
    Effect.andThen(Effect.never),
    Effect.scoped,
    Effect.provide(NodeFileSystem.layer)
  )
)
