/** Ports of the guest on the host's loopback. */
import * as Effect from "effect/Effect"
import type { EventBusShape } from "../events/EventBus.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import type { MachineContext } from "./MachineContext.ts"
import { guestStep } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"

export interface ForwardedPort {
  /** Always the host's loopback. */
  readonly host: "127.0.0.1"
  readonly port: number
}

/** What a forward needs: a machine that runs, ready or not yet. */
export interface ForwardTarget {
  readonly access: GuestAccess
  readonly bus: EventBusShape
  readonly incarnation: Incarnation
}

const monitor = Effect.fnUntraced(function* (target: ForwardTarget, commandLine: string) {
  const refused = (detail: string) =>
    new MachineError({
      machine: target.access.name,
      reason: { _tag: "MonitorRefused", operation: commandLine, detail: detail.trim() },
      evidence: []
    })
  const answer = yield* target.incarnation.process.qmp
    .execute("human-monitor-command", { "command-line": commandLine })
    .pipe(Effect.mapError((error) => refused(error.message)))
  return { text: typeof answer === "string" ? answer : "", refused }
})

/** `info usernet` prints one line a forward: protocol and state, descriptor, host address and port, guest address and port, queues. */
const forwardLine = /^\s*TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(?<host>\d+)\s+\S+\s+(?<guest>\d+)/u

const forwardsOf = (text: string) =>
  text.split("\n").flatMap((line) => {
    const match = forwardLine.exec(line)
    return match?.groups === undefined
      ? []
      : [{ host: Number(match.groups["host"]), guest: Number(match.groups["guest"]) }]
  })

/** Adds one forward; host port 0 is a free one, chosen by the kernel and read back. */
export const forwardPortOf = Effect.fnUntraced(function* (
  target: ForwardTarget,
  forward: { readonly guest: number; readonly host: number }
) {
  const before = forwardsOf((yield* monitor(target, "info usernet")).text).map((there) => there.host)
  const added = yield* monitor(target, `hostfwd_add user0 tcp:127.0.0.1:${forward.host}-:${forward.guest}`)
  if (added.text.trim() !== "") return yield* added.refused(added.text)
  const found = forwardsOf((yield* monitor(target, "info usernet")).text).find(
    (there) => there.guest === forward.guest && !before.includes(there.host)
  )
  if (found === undefined) return yield* added.refused("the forward is not listed afterwards")
  yield* target.bus.publish({
    _tag: "Notice",
    topic: "network",
    machine: target.access.name,
    text: `port ${forward.guest} of the guest is 127.0.0.1:${found.host}`
  })
  const forwarded: ForwardedPort = { host: "127.0.0.1", port: found.host }
  return forwarded
})

/**
 * Makes a TCP port of the guest reachable on the host's loopback. The host's port is a free one unless it is named, so that tests that
 * run at the same time never race for one.
 */
export const forwardPort = (
  context: MachineContext,
  guestPort: number,
  options: { readonly hostPort?: number } = {}
): Effect.Effect<ForwardedPort, MachineError> =>
  guestStep(context, { kind: "lifecycle", title: `forwarding port ${guestPort} of the guest` }, () =>
    Effect.flatMap(context.running, (incarnation) =>
      forwardPortOf(
        { access: context, bus: context.bus, incarnation },
        { guest: guestPort, host: options.hostPort ?? 0 }
      )
    )
  )
