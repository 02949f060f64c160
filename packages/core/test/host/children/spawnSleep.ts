/** Starts a `sleep` in a Scope that stays open, prints its pid, and lives until it is killed. */
import * as Effect from "effect/Effect"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"

setInterval(() => {}, 1000)
await Effect.runPromise(
  ChildProcesses.use((processes) => processes.spawn({ command: "sleep", args: ["600"] })).pipe(
    Effect.tap((child) => Effect.sync(() => process.stdout.write(`${child.pid}\n`))),
    Effect.andThen(Effect.never),
    Effect.scoped,
    Effect.provide(ChildProcesses.layer)
  )
)
