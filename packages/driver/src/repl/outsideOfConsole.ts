/**
 * A way out of Node's console: it runs what is typed, and all that follows from it, in a domain of its own, in which nobody may listen for stray
 * errors. A script that is run from the prompt needs just that.
 */
import { MessageChannel } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Runs a function where no domain is, and gives its promise's outcome. */
export type OutsideOfConsole = <A>(run: () => Promise<A>) => Promise<A>

/** To be made before the console is: what hears the channel's messages belongs to where it began to listen. */
export const outsideOfConsole: Effect.Effect<OutsideOfConsole, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new MessageChannel()),
    ({ port1 }) => Effect.sync(() => port1.close())
  ),
  ({ port1, port2 }) => {
    const waiting: Array<() => void> = []
    port2.on("message", () => waiting.shift()?.())
    return <A>(run: () => Promise<A>) =>
      new Promise<A>((resolve, reject) => {
        waiting.push(() => void run().then(resolve, reject))
        port1.postMessage(undefined)
      })
  }
)
