/** Does the same for several images: one that fails does not keep the others from being done. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Concluded } from "../Concluded.ts"
import { withProgress } from "../report/withProgress.ts"

/** More at once would only divide the network among them. */
const concurrency = 3

/**
 * Prints each result, as a line or all as JSON, then what failed. Fails with the error itself where there is one image only, else with
 * `Concluded`.
 */
export const eachNamed = Effect.fnUntraced(function* <A, E extends Error, R>(options: {
  readonly names: ReadonlyArray<string>
  readonly json: boolean
  readonly work: (name: string) => Effect.Effect<A, E, R>
  readonly line: (result: A) => string
}) {
  const { names, json, work, line } = options
  const results = yield* withProgress(Effect.forEach(names, (name) => Effect.result(work(name)), { concurrency }))
  const done = results.flatMap((result) => (Result.isSuccess(result) ? [result.success] : []))
  const failures = results.flatMap((result) => (Result.isFailure(result) ? [result.failure] : []))
  if (json) yield* Console.log(JSON.stringify(done, undefined, 2))
  else yield* Effect.forEach(done, (result) => Console.log(line(result)), { discard: true })
  const [failure] = failures
  if (failure === undefined) return
  if (names.length === 1) return yield* Effect.fail(failure)
  yield* Effect.forEach(failures, ({ message }) => Console.error(message), { discard: true })
  return yield* new Concluded({ verdict: "infrastructure" })
})
