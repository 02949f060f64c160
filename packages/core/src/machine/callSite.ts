/**
 * Where in the script an operation was called: an error made inside a fibre knows only the driver's own frames, so the handle takes the
 * caller's along.
 */
import * as Effect from "effect/Effect"
import type { ScriptFrame } from "../events/Event.ts"

/** A stack of ours, or the frames of a script in another process, innermost first. */
export type CallSite = string | ReadonlyArray<ScriptFrame>

/** Where each error came from; beside the error, so that the error's class stays as it was declared. */
const sites = new WeakMap<object, CallSite>()

/** Gives the errors of an effect the stack of this call. The innermost call wins. */
export const markCallSite = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const here = new Error()
  return Effect.tapError(effect, (error) =>
    Effect.sync(() => {
      if (typeof error === "object" && error !== null && !sites.has(error)) sites.set(error, here.stack ?? "")
    })
  )
}

/** The call that an error came from: the script's, where one is known, else the error's own stack. */
export const callSiteOf = (error: Error): CallSite => sites.get(error) ?? error.stack ?? ""

/** Gives an error the frames of the script that it ended, which its host knows better than any stack of ours. */
export const placeInScript = (error: Error, frames: ReadonlyArray<ScriptFrame>): void => void sites.set(error, frames)

/** Gives an error the place of the one that it replaces. */
export const takePlace = (error: Error, replaced: Error): void => {
  const site = sites.get(replaced)
  if (site !== undefined) sites.set(error, site)
}
