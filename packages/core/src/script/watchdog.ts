/**
 * Ends a script that never gives the event loop back. Timers can't fire while `while (true) {}` runs, so a worker thread watches the clock
 * and, by the inspector's protocol, terminates what the main thread executes; then the main thread's own time-out gets its turn.
 */
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** How long after the deadline the main thread may take to notice it by itself. */
const GRACE_MS = 2000

const source = `
const { Session } = require("node:inspector")
const { workerData } = require("node:worker_threads")
const handled = new Int32Array(workerData.handled)
const session = new Session()
session.connectToMainThread()
const look = () => {
  if (Atomics.load(handled, 0) === 1) return
  session.post("Runtime.terminateExecution", () => {})
  setTimeout(look, 1000)
}
setTimeout(look, workerData.afterMs)
`

/**
 * Watches until the Scope closes. The effect it gives must be run as soon as the deadline was noticed: from then on the main thread is
 * trusted again.
 */
export const watchdog = Effect.fnUntraced(function* (
  deadlineMs: number
): Effect.fn.Return<Effect.Effect<void>, never, Scope.Scope> {
  const handled = new SharedArrayBuffer(4)
  const noticed = Effect.sync(() => {
    Atomics.store(new Int32Array(handled), 0, 1)
  })
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(source, { eval: true, workerData: { handled, afterMs: deadlineMs + GRACE_MS } })),
    (worker) =>
      Effect.andThen(
        noticed,
        Effect.promise(() => worker.terminate())
      )
  )
  worker.unref()
  return noticed
})
