/** Ports of the guest on the host's loopback. */
import * as Effect from "effect/Effect"
import type { MachineContext } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"

export interface ForwardedPort {
  /** Always the host's loopback. */
  readonly host: "127.0.0.1"
  readonly port: number
}

const monitor = Effect.fnUntraced(function* (context: MachineContext, commandLine: string) {
  const incarnation = yield* context.running
  const refused = (detail: string) =>
    new MachineError({
      machine: context.name,
      reason: { _tag: "MonitorRefused", operation: commandLine, detail: detail.trim() },
      evidence: []
    })
  const answer = yield* incarnation.process.qmp
    .execute("human-monitor-command", { "command-line": commandLine })
    .pipe(Effect.mapError((error) => refused(error.message)))
  return { text: typeof answer === "string" ? answer : "", refused }
})

/** `info usernet` prints one line a forward: protocol and state, descriptor, host address and port, guest address and port, queues. */
const forwardLine = /^\s*TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(?<host>\d+)\s+\S+\s+(?<guest>\d+)/u

const forwardsOf = (text: string) =>
  text.split("\n").flatMap((line) => {
    const match = forwardLine.exec(line)
    return match?.groups === undefined ? [] : [{ host: Number(match.groups["host"]), guest: Number(match.groups["guest"]) }]
  })

/**
 * Makes a TCP port of the guest reachable on the host's loopback. The host's port is chosen by the kernel and read back unless it is
 * named, so that tests that run at the same time never race for one.
 */
export const forwardPort = (
  context: MachineContext,
  guestPort: number,
  options: { readonly hostPort?: number } = {}
): Effect.Effect<ForwardedPort, MachineError> =>
  context.steps.step(
    { kind: "lifecycle", machine: context.name, title: `forwarding port ${guestPort} of the guest` },
    Effect.fnUntraced(function* () {
      const before = forwardsOf((yield* monitor(context, "info usernet")).text).map((forward) => forward.host)
      const added = yield* monitor(context, `hostfwd_add user0 tcp:127.0.0.1:${options.hostPort ?? 0}-:${guestPort}`)
      if (added.text.trim() !== "") return yield* added.refused(added.text)
      const found = forwardsOf((yield* monitor(context, "info usernet")).text).find(
        (forward) => forward.guest === guestPort && !before.includes(forward.host)
      )
      if (found === undefined) return yield* added.refused("the forward is not listed afterwards")
      yield* context.bus.publish({
        _tag: "Notice",
        topic: "network",
        machine: context.name,
        text: `port ${guestPort} of the guest is 127.0.0.1:${found.host}`
      })
      return { host: "127.0.0.1", port: found.host } as const
    })
  )
