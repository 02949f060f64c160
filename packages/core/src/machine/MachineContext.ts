/** What every operation on a machine works with, and the one way from an operation into the guest. */
import * as Effect from "effect/Effect"
import type { EventBusShape } from "../events/EventBus.ts"
import type { GuestChannel } from "../guest/GuestChannel.ts"
import type { GuestError } from "../guest/GuestError.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import type { Evidence } from "./evidence.ts"
import { evidenceOf } from "./evidence.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import type { Incarnation } from "./Incarnation.ts"
import { MachineError } from "./MachineError.ts"
import type { StepOptions, StepsShape } from "./Steps.ts"
import type { TestFailure } from "./TestFailure.ts"

export interface MachineContext extends GuestAccess {
  readonly plan: MachinePlan
  readonly bus: EventBusShape
  readonly steps: StepsShape
  /** Default limits, milliseconds, scaled to what is known of the guest's speed by now. */
  readonly limits: { readonly commandMs: () => number; readonly waitMs: () => number }
  /** Folder on the host that copied files go to. */
  readonly outputDirectory: string
  /** The ready machine; starts it when it was never started, and waits until it is ready. */
  readonly running: Effect.Effect<Incarnation, MachineError>
  /** The machine as soon as QEMU runs: for what the boot itself shows. */
  readonly started: Effect.Effect<Incarnation, MachineError>
}

/** What operations may fail with. */
export type OperationError = MachineError | TestFailure

/** The console's last lines as evidence. */
export const consoleEvidence = (context: GuestAccess): ReadonlyArray<Evidence> =>
  evidenceOf("console", context.console.tail(20).join("\n"))

/**
 * Runs `use` against the guest. It ends at once when the machine dies, with the reason of that death rather than the channel's
 * own complaint about it.
 */
export const inGuest = <A, R>(
  context: MachineContext,
  use: (channel: GuestChannel) => Effect.Effect<A, GuestError, R>
): Effect.Effect<A, MachineError, R> =>
  Effect.flatMap(context.running, (incarnation) => inIncarnation(context, incarnation, use))

/** The same for a machine that is still being set up. */
export const inIncarnation = <A, R>(
  context: GuestAccess,
  incarnation: Incarnation,
  use: (channel: GuestChannel) => Effect.Effect<A, GuestError, R>
): Effect.Effect<A, MachineError, R> => {
  const attempt = use(incarnation.channel).pipe(
    Effect.catch((error) =>
      // A closed channel is only the symptom; give the death a moment to be understood.
      error.reason._tag === "ChannelClosed"
        ? incarnation.death.pipe(
            Effect.timeoutOrElse({ duration: "2 seconds", orElse: () => Effect.fail(channelFailed(context, error)) })
          )
        : Effect.fail(channelFailed(context, error))
    )
  )
  return Effect.raceFirst(attempt, incarnation.death)
}

const channelFailed = (context: GuestAccess, error: GuestError): MachineError =>
  new MachineError({
    machine: context.name,
    reason: { _tag: "ChannelFailed", cause: error.reason },
    evidence: consoleEvidence(context)
  })

/** A step in the guest. It begins when the guest is there: the time of a boot that it waits for is the boot's, not its own. */
export const guestStep = <A, E, R>(
  context: MachineContext,
  options: Omit<StepOptions, "machine">,
  use: (step: string) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | MachineError, Exclude<R, never>> =>
  Effect.andThen(context.running, context.steps.step({ ...options, machine: context.name }, use))
