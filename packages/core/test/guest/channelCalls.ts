/** A channel to the fake agent, and calls on it. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as AgentChannel from "@nix-vm-test/core/guest/AgentChannel"
import type { Frame } from "@nix-vm-test/core/guest/Frame"
import type { GuestError } from "@nix-vm-test/core/guest/GuestError"
import { HostMessage } from "@nix-vm-test/core/guest/HostMessage"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { execCode, type FakeAgent } from "./FakeAgent.ts"
import { until } from "./until.ts"

export const connect = (agent: FakeAgent, options: Partial<AgentChannel.AgentChannelOptions> = {}) =>
  AgentChannel.make({ path: agent.path, ...options }).pipe(Effect.provide(UnixSockets.layer))

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
export const run = (channel: AgentChannel.AgentChannel, command: string) =>
  Effect.map(channel.exec({ command }), ({ stdout }) => text(stdout))

export const reasonOf = <R>(call: Effect.Effect<unknown, GuestError, R>) =>
  Effect.map(Effect.flip(call), (error) => error.reason)

/** Runs a call that the agent does not answer, until its EXEC has arrived. */
export const inFlight = <A>(agent: FakeAgent, call: Effect.Effect<A, GuestError>) =>
  Effect.gen(function* () {
    const before = agent.count(HostMessage.exec)
    const fiber = yield* Effect.forkChild(Effect.flip(call), { startImmediately: true })
    yield* until(() => agent.count(HostMessage.exec) === before + 1)
    return Effect.map(Fiber.join(fiber), (error) => error.reason)
  })

/** The news that QMP has of an agent's or a guest's restart. */
export const reopen = (channel: AgentChannel.AgentChannel): void => {
  channel.portClosed()
  channel.portOpened()
}

/** What the agent answers to each command; the others stay unanswered. */
export const scripted =
  (agent: FakeAgent, script: Readonly<Record<string, (callId: number) => void>>) => (frame: Frame) => {
    if (frame.type === HostMessage.exec) {
      const answer = script[execCode(frame)]
      if (answer === undefined) {
        agent.answer(frame.callId, execCode(frame))
      } else {
        answer(frame.callId)
      }
    }
  }
