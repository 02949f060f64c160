import * as Effect from "effect/Effect"
import { takePlace } from "../machine/callSite.ts"
import { MachineError } from "../machine/MachineError.ts"
import { readDeadDisk } from "./readDeadDisk.ts"
import type { RunMachine } from "./RunMachine.ts"

/** Adds what its disk tells to the failure of a machine that the agent never came into. Such a machine is ended. */
export const withLastWords = <A, E, R>(effect: Effect.Effect<A, E, R>, machines: ReadonlyArray<RunMachine>) =>
  Effect.catch(effect, (error) =>
    Effect.gen(function* () {
      if (!(error instanceof MachineError) || error.reason._tag !== "BootTimedOut") return yield* Effect.fail(error)
      const machine = machines.find(({ plan }) => plan.name === error.machine)
      if (machine === undefined) return yield* error
      const logs = yield* readDeadDisk(machine)
      const explained = new MachineError({
        machine: error.machine,
        reason: error.reason,
        evidence: [...error.evidence, ...logs],
        ...(error.hint === undefined ? {} : { hint: error.hint })
      })
      takePlace(explained, error)
      return yield* explained
    })
  )
