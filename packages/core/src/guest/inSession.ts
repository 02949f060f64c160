/** Calls that are made while the guest boots, reboots or its agent restarts wait for the next session. */
import * as Effect from "effect/Effect"
import type { AgentLink } from "./AgentLink.ts"
import type { GuestSession } from "./GuestChannel.ts"
import { type GuestError, guestError } from "./GuestError.ts"

/** What every operation of the channel needs. */
export interface CallContext {
  readonly link: AgentLink
  /** How long a call waits for a session before it fails with `AgentSilent`, milliseconds. */
  readonly helloTimeoutMs: number
}

/** The current session, or the next one, however long it takes. */
export const awaitSession = (link: AgentLink): Effect.Effect<GuestSession, GuestError> =>
  Effect.callback((resume) => {
    const stopWaiting = link.awaitSession({
      onSession: (session) => resume(Effect.succeed(session)),
      onFailed: (error) => resume(Effect.fail(error))
    })
    return Effect.sync(stopWaiting)
  })

/** Runs `call` at once while a session is live, which costs nothing; else as soon as there is one. */
export const inSession = <A, E, R>(
  context: CallContext,
  call: Effect.Effect<A, E, R>
): Effect.Effect<A, E | GuestError, R> =>
  Effect.suspend(() => (context.link.session === undefined ? afterHello(context, call) : call))

const afterHello = <A, E, R>(context: CallContext, call: Effect.Effect<A, E, R>): Effect.Effect<A, E | GuestError, R> =>
  awaitSession(context.link).pipe(
    Effect.timeoutOrElse({
      duration: context.helloTimeoutMs,
      orElse: () =>
        Effect.fail(
          guestError({ _tag: "AgentSilent", waitedFor: "the agent's hello", afterMs: context.helloTimeoutMs })
        )
    }),
    // The session may be gone again by the time that this fibre goes on.
    Effect.andThen(inSession(context, call))
  )
