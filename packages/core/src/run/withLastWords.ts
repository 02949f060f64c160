import * as Effect from "effect/Effect"
import { MachineError } from "../machine/MachineError.ts"
import { hostFacts } from "./hostFacts.ts"
import { readDeadDisk } from "./readDeadDisk.ts"
import type { RunMachine } from "./RunMachine.ts"

/** Adds what its disk tells to the failure of a machine that the agent never came into. Such a machine is ended. */
export const withLastWords = <A, E, R>(effect: Effect.Effect<A, E, R>, machines: ReadonlyArray<RunMachine>) =>
  Effect.catch(effect, (error) =>
    Effect.gen(function* () {
      if (!(error instanceof MachineError) || error.reason._tag !== "BootTimedOut") return yield* Effect.fail(error)
      const machine = machines.find(({ plan }) => plan.name === error.machine)
      if (machine === undefined) return yield* error
      const host = yield* hostFacts(machine.isEmulated() ? "tcg" : "kvm")
      const logs = yield* readDeadDisk({ machine, host })
      return yield* new MachineError({ ...error, evidence: [...error.evidence, ...logs] })
    })
  )
