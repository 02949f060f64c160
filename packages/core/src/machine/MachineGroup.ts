/** What is done to all machines of a test together. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Checkpoint } from "./Checkpoint.ts"
import type { Machine } from "./Machine.ts"
import type { OperationError } from "./MachineContext.ts"
import type { MachineError } from "./MachineError.ts"
import { makeMeeting } from "./Meeting.ts"
import { TestFailure } from "./TestFailure.ts"

export interface MachineGroup {
  /** Starts all machines and waits until they are ready. */
  readonly startAll: () => Effect.Effect<void, MachineError>
  /** A checkpoint of all machines at one instant: all are stopped, then each is saved, then all go on. */
  readonly checkpointAll: () => Effect.Effect<ReadonlyArray<Checkpoint>, OperationError>
  /** Puts all these machines back, at one instant too. */
  readonly restoreAll: (checkpoints: ReadonlyArray<Checkpoint>) => Effect.Effect<void, OperationError>
}

const notPossible = (detail: string) => new TestFailure({ reason: { _tag: "NotPossible", detail }, evidence: [] })

export const makeMachineGroup = (machines: Readonly<Record<string, Machine>>): MachineGroup => {
  const all = Object.values(machines)
  // Two meetings at once would wait for each other's machines.
  const semaphore = Semaphore.makeUnsafe(1)
  const oneMeeting = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> => semaphore.withPermit(effect)
  const together = { concurrency: "unbounded" } as const
  const startAll = () => Effect.forEach(all, (machine) => machine.start(), { ...together, discard: true })
  return {
    startAll,
    checkpointAll: () =>
      Effect.suspend(() => {
        const meeting = makeMeeting(all.length)
        return Effect.forEach(all, (machine) => machine.checkpoint(meeting), together)
      }).pipe(oneMeeting),
    restoreAll: (checkpoints) =>
      Effect.gen(function* () {
        const pairs = new Map<Machine, Checkpoint>()
        for (const checkpoint of checkpoints) {
          const machine = machines[checkpoint.machine]
          if (machine === undefined) return yield* notPossible(`there is no machine ${checkpoint.machine} to restore`)
          if (pairs.has(machine))
            return yield* notPossible(`two checkpoints of ${machine.name} can't be restored at once`)
          pairs.set(machine, checkpoint)
        }
        const meeting = makeMeeting(pairs.size)
        yield* Effect.forEach(pairs, ([machine, checkpoint]) => machine.restore(checkpoint, meeting), {
          ...together,
          discard: true
        })
      }).pipe(oneMeeting)
  }
}
