import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AgentMessage } from "@nix-vm-test/core/guest/AgentMessage"
import { ByteWriter } from "@nix-vm-test/core/guest/ByteWriter"
import { exitPayload, type FakeAgent, fakeAgent } from "./FakeAgent.ts"
import { connect, reasonOf, reopen, run, scripted } from "./channelCalls.ts"

describe("a hostile agent", () => {
  const violations: ReadonlyArray<readonly [string, (agent: FakeAgent, callId: number) => void, string]> = [
    ["sends noise", (agent) => agent.raw(new Uint8Array(100)), "a frame begins with 0x0"],
    [
      "sends more than its window",
      (agent, callId) => {
        for (let count = 0; count < 66; count++) {
          agent.send(AgentMessage.stdout, callId, new Uint8Array(32_000))
        }
      },
      "more stdout than it was granted"
    ],
    [
      "sends half an EXIT",
      (agent, callId) => agent.send(AgentMessage.exit, callId, exitPayload({}).subarray(0, 20)),
      "a malformed EXIT"
    ],
    [
      "grants gigabytes of stdin",
      (agent, callId) => agent.send(AgentMessage.stdinCredit, callId, new ByteWriter().u32(0xffff_ffff).u8(0).finish()),
      "more credit for stdin than the agent can hold"
    ],
    ["sends a malformed STARTED", (agent, callId) => agent.send(AgentMessage.started, callId), "a malformed STARTED"],
    ["sends a malformed PONG", (agent) => agent.send(AgentMessage.pong, 0), "a malformed PONG"]
  ]

  it.live.each(violations)("that %s loses its session, and the next one serves", ([, misbehave, detail]) =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, { wrong: (callId) => misbehave(agent, callId) })
      const channel = yield* connect(agent)
      const process = Effect.scoped(
        Effect.flatMap(channel.spawn({ command: "wrong", interactiveStdin: true }), (spawned) => spawned.exit)
      )
      assert.deepStrictEqual(yield* reasonOf(process), { _tag: "ProtocolViolation", detail })
      assert.strictEqual(yield* run(channel, "next"), "next")
    })
  )

  it.live("that loses bytes is found out, and the session goes on", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, { lossy: (callId) => agent.answer(callId, "abc", { stdoutBytes: 5 }) })
      const channel = yield* connect(agent)
      assert.deepStrictEqual(yield* reasonOf(channel.exec({ command: "lossy" })), {
        _tag: "BytesLost",
        stream: "stdout",
        sent: 5,
        received: 3
      })
      assert.strictEqual(yield* run(channel, "next"), "next")
      assert.strictEqual(agent.sessions, 1)
    })
  )

  it.live("is not listened to where it speaks of unknown things", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, {
        odd: (callId) => {
          agent.send(0xee, callId, Uint8Array.of(1))
          agent.send(0xee, 0)
          agent.send(AgentMessage.stdout, 4_000_000_000, new Uint8Array(9))
          agent.send(AgentMessage.exit, 4_000_000_000, exitPayload({}))
          agent.send(AgentMessage.log, 0, Uint8Array.of(2, 104, 105))
          agent.answer(callId, "ok")
        }
      })
      const logged: Array<string> = []
      const channel = yield* connect(agent, { onLog: (line) => logged.push(`${line.level}: ${line.text}`) })
      assert.strictEqual(yield* run(channel, "odd"), "ok")
      assert.deepStrictEqual(logged, ["warning: hi"])
    })
  )

  it.live(
    "never makes the channel throw or mix up calls, whatever bytes follow its hello",
    () =>
      Effect.gen(function* () {
        const agent = yield* fakeAgent
        const types = Object.values(AgentMessage)
        // A linear congruential generator (Numerical Recipes' constants): a failure names its seed.
        let seed = 20_240_611
        const random = (below: number) => {
          seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
          return Math.floor((seed / 2 ** 32) * below)
        }
        const babble = (callId: number) => {
          for (let count = 0; count < 5; count++) {
            const payload = Uint8Array.from({ length: random(60) }, () => random(256))
            const type = types[random(types.length)] ?? 0
            // Only the call that is babbled at, so that the one beside it shows any mix-up.
            agent.send(type, random(3) === 0 ? 0 : callId, payload)
          }
          agent.raw(Uint8Array.from({ length: random(40) }, () => random(256)))
        }
        agent.onFrame = scripted(agent, { babble })
        const channel = yield* connect(agent)
        for (let round = 0; round < 200; round++) {
          const at = `seed ${seed}`
          yield* Effect.ignore(channel.exec({ command: "babble" }).pipe(Effect.timeout("20 millis")))
          agent.forget()
          reopen(channel)
          assert.strictEqual(yield* run(channel, at), at)
        }
      }),
    30_000
  )
})
