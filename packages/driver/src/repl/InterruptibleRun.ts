/** How a console runs what is typed: as scripts do, and what runs can be stopped without ending what was started before. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { RunPromise } from "@nix-vm-test/core/promise/RunPromise"

/** What a call that was stopped rejects with. */
export class Interrupted extends Error {
  override readonly name = "Interrupted"
  override readonly message = "stopped by Ctrl-C"
}

export interface InterruptibleRun {
  readonly run: RunPromise
  /** Stops every call that runs now. */
  readonly interrupt: () => void
}

/** Makes stoppable what a runner runs. */
export const interruptibleRun = (inner: RunPromise): InterruptibleRun => {
  const running = new Set<Fiber.Fiber<unknown, unknown>>()
  const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
    inner(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(effect)
        running.add(fiber)
        const exit = yield* Fiber.await(fiber)
        running.delete(fiber)
        if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.die(new Interrupted())
        return yield* exit
      })
    )
  return {
    run: Object.assign(run, { scoped: inner.scoped, currentStep: inner.currentStep, call: inner.call }),
    interrupt: () => {
      for (const fiber of running) fiber.interruptUnsafe()
    }
  }
}
