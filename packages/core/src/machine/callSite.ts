/**
 * Where in the script an operation was called: an error made inside a fibre knows only the driver's own frames, so the handle takes the
 * caller's along.
 */
import * as Effect from "effect/Effect"
import type { ScriptFrame } from "../events/Event.ts"

/** Frames of the call by error; beside the error, so that the error's class stays as it was declared. */
const sites = new WeakMap<object, string>()

/** Gives the errors of an effect the stack of this call. The innermost call wins. */
export const markCallSite = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const here = new Error()
  return Effect.tapError(effect, (error) =>
    Effect.sync(() => {
      if (typeof error === "object" && error !== null && !sites.has(error)) sites.set(error, here.stack ?? "")
    })
  )
}

/** The stack of the call that an error came from: the script's, where one is known, else the error's own. */
export const callSiteOf = (error: Error): string => sites.get(error) ?? error.stack ?? ""

/** Frames that a script's host knows better than any stack of ours: those of a script in another process. */
const hosted = new WeakMap<object, ReadonlyArray<ScriptFrame>>()

/** Gives an error the frames of the script that it ended, innermost first. */
export const placeInScript = (error: Error, frames: ReadonlyArray<ScriptFrame>): void => void hosted.set(error, frames)

/** The frames that an error was given, if any. */
export const placeOf = (error: Error): ReadonlyArray<ScriptFrame> | undefined => hosted.get(error)

/** Gives an error the place of the one that it replaces. */
export const takePlace = (error: Error, replaced: Error): void => {
  const site = sites.get(replaced)
  if (site !== undefined) sites.set(error, site)
  const frames = hosted.get(replaced)
  if (frames !== undefined) hosted.set(error, frames)
}
