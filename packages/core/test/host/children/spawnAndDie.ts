/** Starts a program and is killed before that has become itself. Arguments: the program and its arguments. */
import * as Effect from "effect/Effect"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"

const [command = "", ...args] = process.argv.slice(2)
await Effect.runPromise(
  ChildProcesses.use((processes) => processes.spawn({ command, args })).pipe(
    Effect.tap((child) =>
      Effect.sync(() => process.stdout.write(`${child.pid}\n`, () => process.kill(process.pid, "SIGKILL")))
    ),
    Effect.andThen(Effect.never),
    Effect.scoped,
    Effect.provide(ChildProcesses.layer)
  )
)
