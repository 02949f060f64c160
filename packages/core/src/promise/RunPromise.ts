/**
 * How the Promise API runs Effects: with the run's own services, inside the step that the calling code is in, and cancelled with the test.
 *
 * `AsyncLocalStorage` carries the current step through a script's own `await`s, as fibres do it for Effects.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { CurrentStep } from "../machine/Steps.ts"

const currentStep = new AsyncLocalStorage<string | undefined>()

export interface RunPromise {
  /** A rejection is the typed error itself. */
  <A, E>(effect: Effect.Effect<A, E>): Promise<A>
  /** Runs an effect whose resource lives on until `close` is called or the test ends. */
  readonly scoped: <A, E>(
    effect: Effect.Effect<A, E, Scope.Scope>
  ) => Promise<{ readonly value: A; readonly close: () => Promise<void> }>
  /** A function of the script as an effect: calls inside it belong to the step that the effect runs in. */
  readonly call: <A>(body: () => Promise<A> | A) => Effect.Effect<A, unknown>
}

/** Makes the runner; everything it started ends with the Scope. */
export const makeRunPromise: Effect.Effect<RunPromise, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const abort = new AbortController()
  yield* Effect.addFinalizer(() => Effect.sync(() => abort.abort()))
  const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
    Effect.runPromise(Effect.provideService(effect, CurrentStep, currentStep.getStore()), { signal: abort.signal })
  return Object.assign(run, {
    scoped: async <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => {
      const child = await run(Scope.fork(scope))
      const value = await run(
        effect.pipe(
          Scope.provide(child),
          Effect.onError(() => Scope.close(child, Exit.void))
        )
      )
      return { value, close: () => run(Scope.close(child, Exit.void)) }
    },
    call: <A>(body: () => Promise<A> | A) =>
      Effect.flatMap(CurrentStep, (step) =>
        Effect.tryPromise({ try: () => currentStep.run(step, async () => body()), catch: (error) => error })
      )
  })
})
