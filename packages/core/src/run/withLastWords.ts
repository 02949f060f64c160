import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { takePlace } from "../machine/callSite.ts"
import { MachineError } from "../machine/MachineError.ts"
import { readDeadDisk } from "./readDeadDisk.ts"
import type { RunMachine } from "./RunMachine.ts"

const bootTimedOut = (error: unknown): error is MachineError =>
  error instanceof MachineError && error.reason._tag === "BootTimedOut"

/** Adds what its disk tells to the failure of a machine that the agent never came into. Such a machine is ended. */
export const withLastWords = <A, E, R>(effect: Effect.Effect<A, E, R>, machines: ReadonlyArray<RunMachine>) =>
  Effect.catchCause(effect, (cause) =>
    Effect.gen(function* () {
      const error = Cause.squash(cause)
      const machine = bootTimedOut(error) ? machines.find(({ plan }) => plan.name === error.machine) : undefined
      // As it is: there may be several failures in it.
      if (!bootTimedOut(error) || machine === undefined) return yield* Effect.failCause(cause)
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
