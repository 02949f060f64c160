import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as AgentChannel from "@nix-vm-test/core/guest/AgentChannel"
import { AgentMessage } from "@nix-vm-test/core/guest/AgentMessage"
import { encodeFrame } from "@nix-vm-test/core/guest/Frame"
import { guestError } from "@nix-vm-test/core/guest/GuestError"
import { HostMessage } from "@nix-vm-test/core/guest/HostMessage"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { echoing, encodeHello, fakeAgent } from "./FakeAgent.ts"
import { until } from "./until.ts"
import { connect, inFlight, reasonOf, reopen, run, scripted } from "./channelCalls.ts"

describe("session", () => {
  it.live("begins with the first hello, which calls wait for", () =>
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
      assert.isAtLeast(yield* channel.ping(), 0)
    })
  )

  it.live("skips megabytes of a former session, its hello among them", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = echoing(agent)
      agent.onSync = (nonce) => {
        const staleNonce = new Uint8Array(16).fill(9)
        const stale = encodeFrame({
          type: AgentMessage.stdout,
          callId: 1,
          more: false,
          payload: new Uint8Array(32_000),
          sequence: 0,
          key: 1
        })
        for (let count = 0; count < 150; count++) {
          agent.raw(stale)
        }
        agent.raw(encodeHello({ nonce: staleNonce, bootId: "stale" }))
        agent.greet(nonce)
      }
      const channel = yield* connect(agent)
      assert.strictEqual(yield* run(channel, "fresh"), "fresh")
      assert.strictEqual((yield* channel.session).bootId, "boot-1")
    })
  )

  it.live("is held while the guest is saved or replaced, and is another one afterwards", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, { "never ends": () => {} })
      const channel = yield* connect(agent)
      yield* channel.session
      assert.deepStrictEqual(channel.callsInFlight(), [])
      const lost = yield* inFlight(agent, channel.exec({ command: "never ends" }))
      assert.deepStrictEqual(channel.callsInFlight(), ["never ends"])
      const { length } = agent.frames
      channel.hold(guestError({ _tag: "GuestRestored" }))
      assert.deepStrictEqual(yield* lost, { _tag: "GuestRestored" })
      const waiting = yield* Effect.forkChild(run(channel, "later"), { startImmediately: true })
      reopen(channel)
      yield* Effect.sleep("300 millis")
      assert.deepStrictEqual([agent.nonces.length, agent.frames.length], [1, length])
      channel.release()
      assert.strictEqual(yield* Fiber.join(waiting), "later")
      assert.strictEqual(agent.sessions, 2)
    })
  )

  it.live("accepts the newest hello only, and sends nothing before it", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = echoing(agent)
      let accepted = -1
      agent.onSync = () => {
        if (agent.nonces.length === 3) {
          const [first, , third] = agent.nonces
          assert.isDefined(first)
          assert.isDefined(third)
          agent.raw(encodeHello({ nonce: first, bootId: "late" }))
          agent.greet(third)
          accepted = agent.frames.length
        }
      }
      const channel = yield* connect(agent, { speedFactor: 0.01 })
      assert.strictEqual(yield* run(channel, "x"), "x")
      assert.strictEqual((yield* channel.session).bootId, "boot-1")
      assert.strictEqual(accepted, 0)
      assert.strictEqual(new Set(agent.nonces.map((nonce) => Buffer.from(nonce).toString("hex"))).size, 3)
    })
  )

  it.live("connects anew when the port stays mute", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = echoing(agent)
      agent.onSync = (nonce) => {
        if (agent.connections === 2) {
          agent.greet(nonce)
        }
      }
      const channel = yield* connect(agent, { speedFactor: 0.01 })
      assert.strictEqual(yield* run(channel, "x"), "x")
      assert.strictEqual(agent.connections, 2)
    })
  )

  it.live("greets at once when QMP says that the port was opened", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = echoing(agent)
      agent.onSync = () => {}
      // Without the news the next SYNC would be due after a quarter of an hour.
      const channel = yield* connect(agent, { speedFactor: 1000 })
      yield* until(() => agent.nonces.length === 1)
      agent.onSync = (nonce) => agent.greet(nonce)
      channel.portOpened()
      assert.strictEqual(yield* run(channel, "x"), "x")
      assert.strictEqual(agent.nonces.length, 2)
      // Late news of the opening that led to this session must not end it.
      channel.portOpened()
      assert.strictEqual(yield* run(channel, "y"), "y")
      assert.strictEqual(agent.nonces.length, 2)
    })
  )

  it.live("fails calls with what happened: restart, reboot", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, { hang: () => {} })
      const channel = yield* connect(agent)
      const sessions = yield* Effect.forkChild(Stream.runCollect(Stream.take(channel.sessions, 3)), {
        startImmediately: true
      })
      yield* channel.session
      for (const [bootId, tag] of [
        ["boot-1", "AgentRestarted"],
        ["boot-2", "GuestRebooted"]
      ] as const) {
        const call = yield* inFlight(agent, channel.exec({ command: "hang" }))
        agent.forget()
        agent.bootId = bootId
        reopen(channel)
        assert.strictEqual((yield* call)._tag, tag)
        assert.strictEqual(yield* run(channel, "next"), "next")
      }
      assert.deepStrictEqual(
        (yield* Fiber.join(sessions)).map((session) => session.bootId),
        ["boot-1", "boot-1", "boot-2"]
      )
    })
  )

  it.live("ends with the socket: calls, waits and streams learn it", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, { hang: () => {} })
      const channel = yield* connect(agent)
      const sessions = yield* Effect.forkChild(Stream.runCollect(channel.sessions), { startImmediately: true })
      const call = yield* inFlight(agent, channel.exec({ command: "hang" }))
      agent.hangUp()
      assert.strictEqual((yield* call)._tag, "ChannelClosed")
      assert.strictEqual((yield* reasonOf(channel.exec({ command: "later" })))._tag, "ChannelClosed")
      assert.strictEqual((yield* reasonOf(channel.session))._tag, "ChannelClosed")
      yield* Fiber.join(sessions)
    })
  )

  it.live("does not exist where nobody listens", () =>
    Effect.gen(function* () {
      const absent = AgentChannel.make({ path: "/nonexistent/port", connectTimeoutMs: 10 }).pipe(
        Effect.provide(UnixSockets.layer)
      )
      assert.strictEqual((yield* reasonOf(absent))._tag, "ChannelClosed")
    })
  )

  it.live("fails a call that waits too long for it", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onSync = () => {}
      const channel = yield* connect(agent, { helloTimeoutMs: 30 })
      assert.deepStrictEqual(yield* reasonOf(channel.stat("/")), {
        _tag: "AgentSilent",
        waitedFor: "the agent's hello",
        afterMs: 30
      })
    })
  )

  it.live("says why when no version is in common", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onSync = (nonce) => agent.raw(encodeHello({ nonce, version: 0 }))
      const channel = yield* connect(agent)
      assert.deepStrictEqual(yield* reasonOf(channel.session), {
        _tag: "ProtocolViolation",
        detail: "it does not speak version 1"
      })
    })
  )
})

describe("silence", () => {
  it.live("of an agent that still answers PING is no failure", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      let slow = 0
      agent.onFrame = (frame) => {
        if (frame.type === HostMessage.exec) {
          slow = frame.callId
        } else if (frame.type === HostMessage.ping) {
          agent.pong(frame)
          if (agent.count(HostMessage.ping) === 8) {
            agent.answer(slow, "done")
          }
        }
      }
      const channel = yield* connect(agent, { pingIntervalMs: 10, silenceMs: 1000 })
      assert.strictEqual(yield* run(channel, "slow"), "done")
    })
  )

  it.live("fails the calls, and the next session serves", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, { hang: () => {} })
      const channel = yield* connect(agent, { pingIntervalMs: 5, silenceMs: 40 })
      const reason = yield* reasonOf(channel.exec({ command: "hang" }))
      assert.deepStrictEqual(reason, { _tag: "AgentSilent", waitedFor: "an answer to PING", afterMs: 40 })
      assert.strictEqual(agent.count(HostMessage.ping), 8)
      assert.strictEqual(yield* run(channel, "next"), "next")
      assert.strictEqual(agent.sessions, 2)
    })
  )

  it.live("is noticed where all that is heard of a new agent is that it opened the port", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, { hang: () => {} })
      const channel = yield* connect(agent, { speedFactor: 0.01 })
      const call = yield* inFlight(agent, channel.exec({ command: "hang" }))
      agent.forget()
      channel.portOpened()
      assert.deepStrictEqual(yield* call, { _tag: "AgentRestarted" })
      assert.strictEqual(agent.sessions, 2)
    })
  )

  it.live("fails calls whose session was lost, when no other comes", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, { hang: () => {} })
      const channel = yield* connect(agent, { pingIntervalMs: 5, helloTimeoutMs: 30 })
      const call = yield* inFlight(agent, channel.exec({ command: "hang" }))
      agent.onSync = () => {}
      agent.forget()
      channel.portClosed()
      const reason = yield* call
      assert.strictEqual(reason._tag === "AgentSilent" && reason.waitedFor, "the agent's hello")
    })
  )

  it.live("matters only while somebody waits", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      const channel = yield* connect(agent, { pingIntervalMs: 2, silenceMs: 10 })
      yield* channel.session
      yield* Effect.sleep(60)
      assert.strictEqual(agent.count(HostMessage.ping), 0)
      assert.strictEqual(agent.sessions, 1)
      const reason = yield* reasonOf(channel.ping({ timeoutMs: 1 }))
      assert.strictEqual(reason._tag, "AgentSilent")
    })
  )
})
