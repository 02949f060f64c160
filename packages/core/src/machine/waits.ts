/** Waits that the guest's agent does by itself: files, ports, sockets; and the console's text. */
import * as Effect from "effect/Effect"
import type { Probe } from "../guest/GuestChannel.ts"
import { runQuietly } from "./commands.ts"
import type { Evidence } from "./evidence.ts"
import { evidenceOf } from "./evidence.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { guestStep, inGuest } from "./MachineContext.ts"
import { waitFailure } from "./poll.ts"
import { shellQuote } from "./shellQuote.ts"
import type { TimeLimit } from "./TimeLimit.ts"
import { limitToMs } from "./TimeLimit.ts"

export interface WaitOptions {
  /** Default 15 min. */
  readonly timeout?: TimeLimit
}

/** Time between two tries of the agent, in the guest. */
const INTERVAL_MS = 20

interface ProbeWait {
  readonly title: string
  readonly waitedFor: string
  readonly probe: Probe
  readonly options: WaitOptions
  /** A command that shows why, when the time is over. */
  readonly why: { readonly title: string; readonly command: string }
}

const showWhy = (context: MachineContext, why: ProbeWait["why"]) =>
  Effect.map(runQuietly(context, why.command, { timeout: 10, strict: false }), (result): ReadonlyArray<Evidence> =>
    evidenceOf(why.title, result.text)
  )

const waitForProbe = (context: MachineContext, wait: ProbeWait): Effect.Effect<void, OperationError> =>
  guestStep(
    context,
    { kind: "wait", title: wait.title },
    Effect.fnUntraced(function* () {
      const timeoutMs =
        wait.options.timeout === undefined ? context.limits.waitMs() : yield* limitToMs(wait.options.timeout)
      const result = yield* inGuest(context, (channel) =>
        channel.probe({ probe: wait.probe, timeoutMs, intervalMs: INTERVAL_MS })
      )
      if (result.satisfied) return
      return yield* waitFailure(context, wait.waitedFor, timeoutMs, result.last, yield* showWhy(context, wait.why))
    })
  )

/** Waits until a path exists in the guest. */
export const waitForFile = (context: MachineContext, path: string, options: WaitOptions = {}) =>
  waitForProbe(context, {
    title: `waiting for file '${path}'`,
    waitedFor: `file "${path}"`,
    probe: { kind: "pathExists", path },
    options,
    why: { title: "the folder it should be in", command: `ls -la -- "$(dirname -- ${shellQuote(path)})" 2>&1` }
  })

export interface PortOptions extends WaitOptions {
  /** Where in the guest to look; default `localhost`. */
  readonly address?: string
}

const listeners = {
  title: "listening TCP sockets",
  command: "ss -H -l -t -n -p 2>/dev/null || cat /proc/net/tcp /proc/net/tcp6"
}

/** Waits until something in the guest accepts connections on a TCP port. */
export const waitForOpenPort = (context: MachineContext, port: number, options: PortOptions = {}) => {
  const host = options.address ?? "localhost"
  return waitForProbe(context, {
    title: `waiting for TCP port ${port} on ${host}`,
    waitedFor: `TCP port ${port} on ${host}`,
    probe: { kind: "tcpOpen", host, port },
    options,
    why: listeners
  })
}

/** Waits until nothing accepts connections on a TCP port any more. */
export const waitForClosedPort = (context: MachineContext, port: number, options: PortOptions = {}) => {
  const host = options.address ?? "localhost"
  return waitForProbe(context, {
    title: `waiting for TCP port ${port} on ${host} to be closed`,
    waitedFor: `TCP port ${port} on ${host} to be closed`,
    probe: { kind: "tcpClosed", host, port },
    options,
    why: listeners
  })
}

export interface UnixSocketOptions extends WaitOptions {
  /** A datagram socket instead of a stream socket. */
  readonly datagram?: boolean
}

/** Waits until a Unix socket in the guest accepts. */
export const waitForOpenUnixSocket = (context: MachineContext, path: string, options: UnixSocketOptions = {}) => {
  const kind = options.datagram === true ? "datagram" : "stream"
  return waitForProbe(context, {
    title: `waiting for UNIX-domain ${kind} on '${path}'`,
    waitedFor: `UNIX-domain ${kind} socket "${path}"`,
    probe: { kind: options.datagram === true ? "unixDatagram" : "unixStream", path },
    options,
    why: { title: "Unix sockets", command: "ss -H -l -x -n 2>/dev/null || cat /proc/net/unix" }
  })
}
