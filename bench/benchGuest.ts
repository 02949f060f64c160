/** One real guest for a bench: its handle, and the shell on a console that the NixOS test driver would use. */
import * as os from "node:os"
import * as path from "node:path"
import type { EventBus } from "@nix-vm-test/core/events/EventBus"
import type { Steps } from "@nix-vm-test/core/machine/Steps"
import { makeRunPromise } from "@nix-vm-test/core/promise/RunPromise"
import { promiseMachine } from "@nix-vm-test/core/promise/PromiseMachine"
import { openMachines } from "@nix-vm-test/core/run/openMachines"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { openConsoleShell } from "./consoleShell.ts"

const spec = { machines: { machine: { image: "debian:12", memory: "1GiB", start: "cold" } } } as const

const bootGuest = Effect.gen(function* () {
  yield* Console.error("booting a guest …")
  const { plan, machines } = yield* openMachines({
    spec: yield* Effect.fromResult(decodeSpec({ spec, origin: "the bench" })),
    baseDirectory: os.tmpdir()
  })
  const [machine] = machines
  if (machine === undefined) return yield* Effect.die(new Error("the bench has no machine"))
  const { process } = yield* machine.power.running
  const consoleShell = yield* openConsoleShell({
    machine: machine.machine,
    qmp: process.qmp,
    socket: path.join(plan.runDirectory, "bench.console")
  })
  const machineOfScripts = promiseMachine(machine.machine, yield* makeRunPromise)
  return { machine: machine.machine, machineOfScripts, consoleShell }
})

export type BenchGuest = Effect.Success<typeof bootGuest>

/** Runs a bench against a guest of its own. */
export const withGuest = <A, E>(use: (guest: BenchGuest) => Effect.Effect<A, E, EventBus | Steps>) =>
  bootGuest.pipe(Effect.flatMap(use), Effect.scoped, Effect.provide(runServices))
