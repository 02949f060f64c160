/**
 * How the Promise API runs Effects: with the run's own services, inside the step that the calling code is in, and cancelled with the test.
 *
 * `AsyncLocalStorage` carries the current step through a script's own `await`s, as fibres do it for Effects.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { setImmediate } from "node:timers/promises"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { CurrentStep } from "../machine/Steps.ts"

const currentStep = new AsyncLocalStorage<string | undefined>()

/**
 * Calls a function from a turn of the event loop of its own, with none of our code on its stack: where the watchdog ends a loop in it, nothing
 * of ours may be cut off.
 */
const inOwnTurn = async <A>(body: () => Promise<A> | A): Promise<A> => {
  await setImmediate()
  return body()
}

export interface RunPromise {
  /** A rejection is the typed error itself. */
  <A, E>(effect: Effect.Effect<A, E>): Promise<A>
  /** Runs an effect whose resource lives on until `close` is called or the test ends. */
  readonly scoped: <A, E>(
    effect: Effect.Effect<A, E, Scope.Scope>
  ) => Promise<{ readonly value: A; readonly close: () => Promise<void> }>
  /** The step that the calling code is in. */
  readonly currentStep: () => string | undefined
  /** A function of the script as an effect: calls inside it belong to the step that the effect runs in. */
  readonly call: <A>(body: () => Promise<A> | A) => Effect.Effect<A, unknown>
}

/** Makes the runner; everything it started ends with the Scope. */
export const makeRunPromise: Effect.Effect<RunPromise, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const abort = new AbortController()
  yield* Effect.addFinalizer(() => Effect.sync(() => abort.abort()))
  const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
    Effect.runPromise(Effect.provideService(effect, CurrentStep, currentStep.getStore()), {
      signal: abort.signal
    }).catch(
      // What a script left behind unawaited ends with it, and must not become a failure of its own.
      (error) => (abort.signal.aborted ? new Promise<never>(() => {}) : Promise.reject(error))
    )
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
    currentStep: () => currentStep.getStore(),
    call: <A>(body: () => Promise<A> | A) =>
      Effect.flatMap(CurrentStep, (step) =>
        // The script's own errors go back to the script as they are, whatever they are.
        // @effect-diagnostics-next-line unknownInEffectCatch:off
        Effect.tryPromise({ try: () => currentStep.run(step, () => inOwnTurn(body)), catch: (error) => error })
      )
  })
})
