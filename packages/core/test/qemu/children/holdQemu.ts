/** Starts an empty QEMU, prints its pid, and holds it until it is killed. Argument: a directory for its socket. */
import * as Effect from "effect/Effect"
import { spawnQemu } from "@nix-vm-test/core/qemu/QemuProcess"
import { emptyMachine, realHost } from "../emptyMachine.ts"

const qmpPath = `${process.argv[2]}/qmp`
setInterval(() => {}, 1000)
await Effect.runPromise(
  spawnQemu({ name: "vm0", qmpPath, argv: emptyMachine }).pipe(
    Effect.tap(({ pid }) => Effect.sync(() => process.stdout.write(`${pid}\n`))),
    Effect.andThen(Effect.never),
    Effect.scoped,
    Effect.provide(realHost)
  )
)
