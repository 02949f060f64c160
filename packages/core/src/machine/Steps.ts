/**
 * Steps: what a test is doing, as a tree. Each has an id and its parent's, so that parallel steps nest rightly in every report.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Cause from "effect/Cause"
import { EventBus } from "../events/EventBus.ts"
import type { EventBody } from "../events/Event.ts"

/** The step that the current fibre works in. */
export const CurrentStep = Context.Reference<string | undefined>("@nix-vm-test/core/CurrentStep", {
  defaultValue: () => undefined
})

export interface StepOptions {
  readonly kind: Extract<EventBody, { readonly _tag: "StepStarted" }>["kind"]
  /** As the log shows it. */
  readonly title: string
  readonly machine?: string | undefined
}

export interface StepsShape {
  /** Runs an effect as a step of the current one; `use` gets the step's id, for its output's events. */
  readonly step: <A, E, R>(
    options: StepOptions,
    use: (step: string) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, Exclude<R, never>>
  /** Titles of the steps that run now, outermost first: what a time-out reports. */
  readonly running: Effect.Effect<ReadonlyArray<string>>
}

const firstLine = (text: string): string => {
  const end = text.indexOf("\n")
  return end < 0 ? text : text.slice(0, end)
}

const detailOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return firstLine(error instanceof Error ? error.message : String(error))
}

export class Steps extends Context.Service<Steps, StepsShape>()("@nix-vm-test/core/Steps") {
  static readonly layer = Layer.effect(
    Steps,
    Effect.gen(function* () {
      const bus = yield* EventBus
      const open = new Map<string, string>()
      let count = 0
      const finished = (step: string, startedAt: number, exit: Exit.Exit<unknown, unknown>) => {
        open.delete(step)
        const durationMs = performance.now() - startedAt
        if (Exit.isSuccess(exit)) return bus.publish({ _tag: "StepFinished", step, outcome: "passed", durationMs })
        return Cause.hasInterruptsOnly(exit.cause)
          ? bus.publish({ _tag: "StepFinished", step, outcome: "interrupted", durationMs })
          : bus.publish({ _tag: "StepFinished", step, outcome: "failed", durationMs, detail: detailOf(exit.cause) })
      }
      const step = <A, E, R>(
        options: StepOptions,
        use: (step: string) => Effect.Effect<A, E, R>
      ): Effect.Effect<A, E, Exclude<R, never>> =>
        Effect.gen(function* () {
          const parent = yield* CurrentStep
          const id = `s${++count}`
          const startedAt = performance.now()
          open.set(id, options.machine === undefined ? options.title : `${options.machine}: ${options.title}`)
          yield* bus.publish({
            _tag: "StepStarted",
            step: id,
            kind: options.kind,
            title: options.title,
            ...(parent === undefined ? {} : { parent }),
            ...(options.machine === undefined ? {} : { machine: options.machine })
          })
          return yield* use(id).pipe(
            Effect.provideService(CurrentStep, id),
            Effect.onExit((exit) => finished(id, startedAt, exit))
          )
        })
      return Steps.of({
        step,
        running: Effect.sync(() => [...open.values()])
      })
    })
  )
}
