/** A machine's life, as a Python script asks for it. */
import type { Checkpoint } from "@nix-vm-test/core/machine/Checkpoint"
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import { MachineError } from "@nix-vm-test/core/machine/MachineError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { BadCall } from "./BadCall.ts"
import type { Operation } from "./Operation.ts"
import { machineOperation, operation } from "./Operation.ts"

const none = Schema.Struct({})

/** Starts without waiting, as NixOS' driver does; a failure shows where the machine is used. */
const begin = (machine: Machine) => Effect.forkScoped(Effect.ignore(machine.start()))

/** All at once. What fails is told for each; the first failure is the call's. */
const startAll = Effect.fnUntraced(function* (machines: ReadonlyArray<Machine>) {
  const results = yield* Effect.forEach(machines, (machine) => Effect.result(machine.start()), {
    concurrency: "unbounded"
  })
  const failures = results.filter(Result.isFailure).map(({ failure }) => failure)
  const [first, ...others] = failures
  if (first === undefined) return
  return yield* new MachineError({
    machine: first.machine,
    reason: first.reason,
    evidence: [
      ...others.flatMap(({ machine, message, evidence }) => [{ title: machine, text: message }, ...evidence]),
      ...first.evidence
    ]
  })
})

const powerOperations = {
  startAll: operation(none, (_, { machines }) => Effect.as(startAll(Object.values(machines)), {})),
  begin: machineOperation(none, (machine) => Effect.as(begin(machine), {})),
  start: machineOperation(none, (machine) => Effect.as(machine.start(), {})),
  shutdown: machineOperation(none, (machine) => Effect.as(machine.shutdown(), {})),
  crash: machineOperation(none, (machine) => Effect.as(machine.crash(), {})),
  reboot: machineOperation(none, (machine) => Effect.as(machine.reboot(), {})),
  isUp: machineOperation(none, (machine) => Effect.map(machine.isUp(), (value) => ({ value }))),
  waitForShutdown: machineOperation(Schema.Struct({ timeout: Schema.NullOr(Schema.Finite) }), (machine, { timeout }) =>
    // Without a limit of its own the test's is the only one.
    Effect.as(machine.waitForShutdown({ timeout: timeout ?? "365d" }), {})
  ),
  forwardPort: machineOperation(
    Schema.Struct({ hostPort: Schema.Int, guestPort: Schema.Int }),
    (machine, { hostPort, guestPort }) =>
      Effect.map(machine.forwardPort(guestPort, { hostPort }), ({ port }) => ({ value: port }))
  )
}

/** The operations over one script's checkpoints, which the script knows by number. */
const checkpointOperations = (): Readonly<Record<"checkpoint" | "restore", Operation>> => {
  const kept: Array<Checkpoint> = []
  return {
    checkpoint: machineOperation(none, (machine) =>
      Effect.map(machine.checkpoint(), (checkpoint) => ({ value: kept.push(checkpoint) - 1 }))
    ),
    restore: machineOperation(Schema.Struct({ checkpoint: Schema.Int }), (machine, { checkpoint: number }) => {
      const checkpoint = kept[number]
      return checkpoint === undefined
        ? Effect.fail(new BadCall({ kind: "value", detail: "there is no such checkpoint" }))
        : Effect.as(machine.restore(checkpoint), {})
    })
  }
}

export const lifecycleOperations = () => ({ ...powerOperations, ...checkpointOperations() })
