/**
 * Keeps a script from ending the driver: `process.exit` becomes a failure of the test, and so do exceptions and rejections that nobody
 * awaited.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { TestFailure } from "../machine/TestFailure.ts"
import { scriptThrew } from "./scriptThrew.ts"

/** Thrown to stop the code that called `process.exit`; a script that catches it fails all the same. */
class ScriptExit extends Error {
  override readonly name = "ScriptExit"
}

const numberOf = (code: unknown): number =>
  typeof code === "number" ? code : typeof code === "string" ? Number(code) || 0 : 0

/** Runs a script's effect guarded; the first thing that would have ended the process ends the effect instead. */
export const guardScript = <A, E, R>(script: Effect.Effect<A, E, R>): Effect.Effect<A, E | TestFailure, R> =>
  Effect.acquireUseRelease(
    Effect.gen(function* () {
      const ended = yield* Deferred.make<never, TestFailure>()
      const fail = (failure: TestFailure): void => {
        Deferred.doneUnsafe(ended, Effect.fail(failure))
      }
      // oxlint-disable-next-line typescript/unbound-method -- never called, only put back
      const exit = process.exit
      process.exit = (code?: unknown): never => {
        const stop = new ScriptExit("process.exit was called")
        const failure = new TestFailure({
          reason: { _tag: "ScriptExited", call: "process.exit", exitCode: numberOf(code ?? process.exitCode) },
          evidence: []
        })
        if (stop.stack !== undefined) failure.stack = stop.stack
        fail(failure)
        throw stop
      }
      const onStray = (error: unknown): void => {
        if (!(error instanceof ScriptExit)) fail(scriptThrew(error))
      }
      process.on("uncaughtException", onStray)
      process.on("unhandledRejection", onStray)
      const release = Effect.sync(() => {
        process.exit = exit
        process.exitCode = undefined
        process.off("uncaughtException", onStray)
        process.off("unhandledRejection", onStray)
      })
      return { ended, release }
    }),
    ({ ended }) =>
      Effect.raceFirst(
        script.pipe(
          // A ScriptExit that reached the script's own end must not win against the failure that explains it.
          Effect.onError(() => Effect.yieldNow)
        ),
        Deferred.await(ended)
      ).pipe(Effect.catch((error): Effect.Effect<A, E | TestFailure> => preferEnded(ended, error))),
    ({ release }) => release
  )

const preferEnded = <E>(ended: Deferred.Deferred<never, TestFailure>, error: E | TestFailure) =>
  Effect.flatMap(Deferred.isDone(ended), (done) => (done ? Deferred.await(ended) : Effect.fail(error)))
