/**
 * Keeps one link connected and in session, as long as QEMU lives: connects the socket, says SYNC, and notices an agent that is silent.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { UnixSockets } from "../host/UnixSocket.ts"
import { type AgentLink, type LinkChange } from "./AgentLink.ts"
import { type GuestError, guestError } from "./GuestError.ts"
import { HostMessage } from "./HostMessage.ts"

export interface LinkTimes {
  /** How long to go on trying while nobody listens yet. */
  readonly connectMs: number
  /** First wait for the answer to a SYNC, doubled for each further one: with a fixed wait, a guest slower than it would never be in time. */
  readonly helloRetryMs: number
  /**
   * How long no HELLO may come before the socket is connected anew, doubled likewise: after a restore with a full ring, an open port was
   * seen to stay mute until the host's end was closed once.
   */
  readonly reconnectMs: number
  /** Between the signs of life that are asked for while calls run. */
  readonly pingIntervalMs: number
  /** How long an agent may say nothing while calls run, before it counts as dead. */
  readonly silenceMs: number
  /** How long calls whose session was lost wait to hear why. */
  readonly helloTimeoutMs: number
}

/** Between two looks for a sign of life. */
const LOOK_MS = 20

/** Caps of the doubled waits. */
const maxHelloRetryMs = 8000
const maxReconnectMs = 60_000

interface SuperviseOptions {
  readonly link: AgentLink
  readonly changes: Queue.Dequeue<LinkChange>
  readonly path: string
  readonly times: LinkTimes
  /** Completes with the first connection, or fails when there is none. */
  readonly connected: Deferred.Deferred<void, GuestError>
}

/** Whether a sign of life that is asked for now does not come: a new agent knows no session, and answers nothing but SYNC. */
const staysSilent = Effect.fnUntraced(function* (link: AgentLink, limitMs: number) {
  const asked = performance.now()
  link.send(HostMessage.ping, 0)
  while (performance.now() - asked < limitMs) {
    yield* Effect.sleep(LOOK_MS)
    if (link.session === undefined || link.lastHeard > asked) return false
  }
  return true
})

/** One connection. Ends when it has had no hello for `firstPatienceMs`, or `reconnectMs` once it had one; gives the patience it had. */
const converse = Effect.fnUntraced(function* (options: SuperviseOptions, firstPatienceMs: number) {
  const { link, changes, path, times } = options
  const sockets = yield* UnixSockets
  const connection = yield* sockets.connect({
    path,
    retryForMs: times.connectMs,
    onData: (chunk) => link.receive(chunk),
    onClose: () => link.close()
  })
  link.connected((bytes) => void connection.send(bytes))
  Deferred.doneUnsafe(options.connected, Effect.void)
  let patienceMs = firstPatienceMs
  let retryMs = times.helloRetryMs
  let wantedSince = performance.now()
  while (!link.isClosed) {
    if (link.session !== undefined) {
      patienceMs = times.reconnectMs
      retryMs = times.helloRetryMs
      const change = yield* Queue.take(changes)
      if (change === "openedInSession" && (yield* staysSilent(link, 2 * retryMs))) {
        link.agentLeft()
        // That it tells of, which is known here.
        yield* Queue.take(changes)
      } else if (change === "agentLeft") {
        // The next one is told of when it opens the port; without that news it is greeted all the same.
        yield* Effect.timeoutOption(Queue.take(changes), retryMs)
      }
      wantedSince = performance.now()
      continue
    }
    const patienceLeft = wantedSince + patienceMs - performance.now()
    if (patienceLeft <= 0) {
      break
    }
    link.sync()
    const change = yield* Queue.take(changes).pipe(Effect.timeoutOption(Math.min(retryMs, patienceLeft)))
    retryMs = Math.min(retryMs * 2, Math.max(maxHelloRetryMs, times.helloRetryMs))
    if (change._tag === "Some" && (change.value === "portOpened" || change.value === "released")) {
      retryMs = times.helloRetryMs
      wantedSince = performance.now()
    }
  }
  return patienceMs
})

/** Runs until the port is gone; then every call fails with `ChannelClosed`. */
export const superviseLink = Effect.fnUntraced(function* (options: SuperviseOptions) {
  const { link, times } = options
  let patienceMs = times.reconnectMs
  while (!link.isClosed) {
    const connection = Effect.scoped(converse(options, patienceMs))
    // Nobody listens: QEMU never came, or ended between two connections.
    const hadPatienceMs = yield* Effect.catch(connection, () =>
      Effect.as(
        Effect.sync(() => link.close()),
        patienceMs
      )
    )
    patienceMs = Math.min(hadPatienceMs * 2, Math.max(maxReconnectMs, times.reconnectMs))
  }
  Deferred.doneUnsafe(options.connected, Effect.fail(guestError({ _tag: "ChannelClosed" })))
})

/**
 * Asks for signs of life while calls run, and gives up on agents that give none. Silence is counted in rounds of this loop, not by the
 * clock: a host that slept or was busy elsewhere is not the guest's silence.
 */
export const watchSilence = Effect.fnUntraced(function* (options: Pick<SuperviseOptions, "link" | "times">) {
  const { link, times } = options
  let silentMs = 0
  while (!link.isClosed) {
    const roundBegan = performance.now()
    yield* Effect.sleep(times.pingIntervalMs)
    giveUpOrphans(link, times)
    const isSilent = link.session !== undefined && link.isAwaited && link.lastHeard < roundBegan
    if (!isSilent) {
      silentMs = 0
    } else if (silentMs >= times.silenceMs) {
      link.fail(guestError({ _tag: "AgentSilent", waitedFor: "an answer to PING", afterMs: silentMs }))
      silentMs = 0
    } else {
      link.send(HostMessage.ping, 0)
      silentMs += times.pingIntervalMs
    }
  }
})

const giveUpOrphans = (link: AgentLink, times: LinkTimes): void => {
  const waitedMs = performance.now() - (link.orphanedSince ?? Number.POSITIVE_INFINITY)
  if (waitedMs >= times.helloTimeoutMs) {
    link.failOrphans(guestError({ _tag: "AgentSilent", waitedFor: "the agent's hello", afterMs: waitedMs }))
  }
}
