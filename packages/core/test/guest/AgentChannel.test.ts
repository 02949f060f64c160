import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as AgentChannel from "../../src/guest/AgentChannel.ts"
import { AgentMessage } from "../../src/guest/AgentMessage.ts"
import { HostMessage } from "../../src/guest/HostMessage.ts"
import { UnixSockets } from "../../src/host/UnixSocket.ts"
import { echoing, encodeHello, execCode, exitPayload, type FakeAgent, fakeAgent } from "./FakeAgent.ts"

const connect = (agent: FakeAgent, options: Partial<AgentChannel.AgentChannelOptions> = {}) =>
  AgentChannel.make({ path: agent.path, ...options }).pipe(Effect.provide(UnixSockets.layer))

const run = (channel: AgentChannel.AgentChannel, command: string) =>
  Effect.map(channel.exec({ command }), ({ stdout }) => new TextDecoder().decode(stdout))

/** Until something that another fibre or the other end does has happened; the test's own limit ends it otherwise. */
const until = (condition: () => boolean) => Effect.sync(condition).pipe(Effect.repeat({ schedule: "1 millis", until: (ok) => ok }))

describe("session", () => {
  it.live("begins with the first hello, and calls wait for it", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = echoing(agent)
      const seen: Array<string> = []
      const channel = yield* connect(agent, { onSession: (session) => seen.push(session.bootId) })
      assert.strictEqual(yield* run(channel, "hello"), "hello")
      const session = yield* channel.session
      assert.deepStrictEqual(
        [session.bootId, session.agentPid, session.kernel, session.bootClockMs, session.hasShell],
        ["boot-1", 42, "6.1.0-test", 5000, true]
      )
      assert.deepStrictEqual(seen, ["boot-1"])
    })
  )
})
