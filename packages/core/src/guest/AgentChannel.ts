/** The guest channel over our agent's port: a `GuestChannel` that finds its own session again whatever happens at either end. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { UnixSockets } from "../host/UnixSocket.ts"
import { AgentLink, type LinkChange } from "./AgentLink.ts"
import type { AgentLogLine } from "./AgentMessage.ts"
import { exec } from "./exec.ts"
import { list, readFile, writeFile } from "./files.ts"
import type { GuestChannel, GuestSession } from "./GuestChannel.ts"
import type { GuestError } from "./GuestError.ts"
import { awaitSession, type CallContext } from "./inSession.ts"
import { makeDirectory, makeSymlink, mount, ping, probe, resumed, stat } from "./requests.ts"
import { spawn } from "./spawn.ts"
import { type LinkTimes, superviseLink, watchSilence } from "./superviseLink.ts"

export interface AgentChannel extends GuestChannel {
  /** QMP said that the guest opened the port (`VSERPORT_CHANGE`): an agent that waits there is greeted at once. */
  readonly portOpened: () => void
  /** QMP said that the guest closed the port: its agent is gone, and calls wait for the next one. */
  readonly portClosed: () => void
  /** What was asked of the guest and has not ended. */
  readonly callsInFlight: () => ReadonlyArray<string>
  /**
   * Before the guest is saved, or replaced by another state of itself: the session ends, calls in flight fail with `error`, and new ones wait
   * for the session that `release` begins.
   */
  readonly hold: (error: GuestError) => void
  readonly release: () => void
}

export interface AgentChannelOptions {
  /** QEMU's Unix socket for the port. */
  readonly path: string
  /** How long to go on trying while QEMU does not listen yet, milliseconds. Default 5000. */
  readonly connectTimeoutMs?: number | undefined
  /**
   * How long a call waits for a session before it fails with `AgentSilent`, milliseconds. Default 5 minutes, times `speedFactor`. The
   * effect `session` waits without a limit.
   */
  readonly helloTimeoutMs?: number | undefined
  /** Between the signs of life that are asked for while calls run, milliseconds. Default 5000. */
  readonly pingIntervalMs?: number | undefined
  /** How long an agent may say nothing while calls run before they fail with `AgentSilent`, milliseconds. Default 30 s, times `speedFactor`. */
  readonly silenceMs?: number | undefined
  /** How much slower than a guest under KVM this one is: stretches the defaults, never explicit times. Default 1. */
  readonly speedFactor?: number | undefined
  /** Hears of each new session before any call of it; must not throw. */
  readonly onSession?: ((session: GuestSession) => void) | undefined
  /** Hears what the agent itself has to say; must not throw. */
  readonly onLog?: ((line: AgentLogLine) => void) | undefined
}

/**
 * Connects to the port, which must happen before a saved state is loaded (a late connection was seen to stay mute). Does not wait for the
 * guest, whose agent may come a minute later: calls and `session` wait for it.
 *
 * Fails with `ChannelClosed` when nobody listens at `path`. Closing the Scope ends the connection, not the guest.
 */
export const make = Effect.fnUntraced(function* (
  options: AgentChannelOptions
): Effect.fn.Return<AgentChannel, GuestError, UnixSockets | Scope.Scope> {
  const speedFactor = options.speedFactor ?? 1
  const times: LinkTimes = {
    connectMs: options.connectTimeoutMs ?? 5000,
    helloRetryMs: 1000 * speedFactor,
    reconnectMs: 5000 * speedFactor,
    pingIntervalMs: options.pingIntervalMs ?? 5000,
    silenceMs: options.silenceMs ?? 30_000 * speedFactor,
    helloTimeoutMs: options.helloTimeoutMs ?? 300_000 * speedFactor
  }
  const changes = yield* Queue.unbounded<LinkChange>()
  // Undefined ends the stream.
  const sessions = yield* Effect.acquireRelease(PubSub.unbounded<GuestSession | undefined>(), PubSub.shutdown)
  const link = new AgentLink({
    onChange: (change) => {
      Queue.offerUnsafe(changes, change)
      if (change === "closed") {
        PubSub.endUnsafe(sessions, undefined)
      }
    },
    onSession: (session) => {
      options.onSession?.(session)
      PubSub.publishUnsafe(sessions, session)
    },
    onLog: (line) => options.onLog?.(line)
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => link.close()))
  const context: CallContext = { link, helloTimeoutMs: times.helloTimeoutMs }
  const connected = yield* Deferred.make<void, GuestError>()
  yield* Effect.forkScoped(superviseLink({ link, changes, path: options.path, times, connected }), {
    startImmediately: true
  })
  yield* Effect.forkScoped(watchSilence({ link, times }))
  yield* Deferred.await(connected)
  return {
    exec: (options) => exec(context, options),
    spawn: (options) => spawn(context, options),
    writeFile: (options) => writeFile(context, options),
    readFile: (path) => readFile(context, path),
    stat: (path, options) => stat(context, path, options),
    list: (path) => list(context, path),
    makeDirectory: (options) => makeDirectory(context, options),
    makeSymlink: (options) => makeSymlink(context, options),
    mount: (options) => mount(context, options),
    probe: (options) => probe(context, options),
    resumed: (options) => resumed(context, options),
    ping: (options) => ping(context, { timeoutMs: options?.timeoutMs ?? 10_000 * speedFactor }),
    session: awaitSession(link),
    sessions: Stream.takeWhile(Stream.fromPubSub(sessions), (session) => session !== undefined),
    portOpened: () => link.portOpened(),
    portClosed: () => link.agentLeft(),
    callsInFlight: () => link.callsInFlight,
    hold: (error) => link.hold(error),
    release: () => link.release()
  }
})
