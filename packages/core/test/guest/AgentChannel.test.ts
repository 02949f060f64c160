import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as AgentChannel from "@nix-vm-test/core/guest/AgentChannel"
import { AgentMessage } from "@nix-vm-test/core/guest/AgentMessage"
import { ByteReader } from "@nix-vm-test/core/guest/ByteReader"
import { ByteWriter } from "@nix-vm-test/core/guest/ByteWriter"
import { encodeFrame, type Frame } from "@nix-vm-test/core/guest/Frame"
import type { ExecResult } from "@nix-vm-test/core/guest/GuestChannel"
import { type GuestError, guestError } from "@nix-vm-test/core/guest/GuestError"
import { HostMessage } from "@nix-vm-test/core/guest/HostMessage"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { echoing, encodeHello, execCode, exitPayload, type FakeAgent, fakeAgent } from "./FakeAgent.ts"
import { until } from "./until.ts"

const connect = (agent: FakeAgent, options: Partial<AgentChannel.AgentChannelOptions> = {}) =>
  AgentChannel.make({ path: agent.path, ...options }).pipe(Effect.provide(UnixSockets.layer))

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const run = (channel: AgentChannel.AgentChannel, command: string) =>
  Effect.map(channel.exec({ command }), ({ stdout }) => text(stdout))

const reasonOf = <R>(call: Effect.Effect<unknown, GuestError, R>) =>
  Effect.map(Effect.flip(call), (error) => error.reason)

/** Runs a call that the agent does not answer, until its EXEC has arrived. */
const inFlight = <A>(agent: FakeAgent, call: Effect.Effect<A, GuestError>) =>
  Effect.gen(function* () {
    const before = agent.count(HostMessage.exec)
    const fiber = yield* Effect.forkChild(Effect.flip(call), { startImmediately: true })
    yield* until(() => agent.count(HostMessage.exec) === before + 1)
    return Effect.map(Fiber.join(fiber), (error) => error.reason)
  })

/** The news that QMP has of an agent's or a guest's restart. */
const reopen = (channel: AgentChannel.AgentChannel): void => {
  channel.portClosed()
  channel.portOpened()
}

/** What the agent answers to each command; the others stay unanswered. */
const scripted = (agent: FakeAgent, script: Readonly<Record<string, (callId: number) => void>>) => (frame: Frame) => {
  if (frame.type === HostMessage.exec) {
    const answer = script[execCode(frame)]
    if (answer === undefined) {
      agent.answer(frame.callId, execCode(frame))
    } else {
      answer(frame.callId)
    }
  }
}

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

describe("exec", () => {
  const bytesOf = (size: number) => Uint8Array.from({ length: size }, (_, index) => (index * 31) & 0xff)

  it.live("returns credit at half of the window, and keeps every byte", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      const content = bytesOf(5_000_000)
      let callId = 0
      let window = 2 * 1024 * 1024
      let sent = 0
      const pump = () => {
        while (sent < content.length && window > 0) {
          const size = Math.min(30_000, window, content.length - sent)
          agent.send(AgentMessage.stdout, callId, content.subarray(sent, sent + size))
          sent += size
          window -= size
        }
        if (sent === content.length) {
          agent.send(AgentMessage.exit, callId, exitPayload({ stdoutBytes: sent }))
        }
      }
      const credits: Array<number> = []
      agent.onFrame = (frame) => {
        if (frame.type === HostMessage.exec) {
          callId = frame.callId
        } else if (frame.type === HostMessage.credit) {
          const credit = new ByteReader(frame.payload).u32()
          credits.push(credit)
          window += credit
        }
        pump()
      }
      const channel = yield* connect(agent)
      const result = yield* channel.exec({ command: "bulk" })
      assert.isTrue(Buffer.from(content).equals(result.stdout))
      assert.isAtMost(credits.length, 5)
      assert.isTrue(credits.every((credit) => credit >= 1024 * 1024))
    })
  )

  it.live("sends stdin within its credit, then the end of file", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      const content = bytesOf(300_000)
      const received: Array<Uint8Array> = []
      const credit = (callId: number, bytes: number) =>
        agent.send(AgentMessage.stdinCredit, callId, new ByteWriter().u32(bytes).u8(0).finish())
      let granted = 0
      agent.onFrame = (frame) => {
        if (frame.type === HostMessage.exec) {
          granted = 65_536
          credit(frame.callId, granted)
        } else if (frame.type === HostMessage.stdin) {
          granted -= frame.payload.length
          assert.isAtLeast(granted, 0)
          received.push(frame.payload)
          if (granted === 0) {
            granted = 65_536
            credit(frame.callId, granted)
          }
        } else if (frame.type === HostMessage.stdinEnd) {
          agent.answer(frame.callId, "eof")
        }
      }
      const channel = yield* connect(agent)
      assert.strictEqual(text((yield* channel.exec({ command: "cat", stdin: content })).stdout), "eof")
      assert.isTrue(Buffer.concat(received).equals(content))
      received.length = 0
      const stream = Stream.make(content.subarray(0, 10), content.subarray(10, 200_000), content.subarray(200_000))
      assert.strictEqual(text((yield* channel.exec({ command: "cat", stdin: stream })).stdout), "eof")
      assert.isTrue(Buffer.concat(received).equals(content))
    })
  )

  it.live("of a program that ends without reading its stdin is no failure", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = (frame) => {
        if (frame.type === HostMessage.exec) {
          agent.send(AgentMessage.stdinCredit, frame.callId, new ByteWriter().u32(100).u8(0).finish())
        } else if (frame.type === HostMessage.stdin) {
          agent.send(AgentMessage.stdinCredit, frame.callId, new ByteWriter().u32(0).u8(1).finish())
          agent.answer(frame.callId, "head")
        }
      }
      const channel = yield* connect(agent)
      assert.strictEqual(text((yield* channel.exec({ command: "head", stdin: bytesOf(1000) })).stdout), "head")
      const endless = Stream.forever(Stream.make(bytesOf(1000)))
      assert.strictEqual(text((yield* channel.exec({ command: "head", stdin: endless })).stdout), "head")
    })
  )

  it.live("that is interrupted kills its process group, and what it still says is dropped", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      const kills: Array<string> = []
      let abandoned = 0
      agent.onFrame = (frame) => {
        if (frame.type === HostMessage.exec && execCode(frame) === "long") {
          abandoned = frame.callId
        } else if (frame.type === HostMessage.exec) {
          agent.answer(frame.callId, execCode(frame))
        } else if (frame.type === HostMessage.kill) {
          kills.push(Buffer.from(frame.payload).toString("hex"))
          agent.answer(frame.callId, "too late", { exitCode: 137, signal: 9 })
        }
      }
      const channel = yield* connect(agent)
      const call = yield* Effect.forkChild(channel.exec({ command: "long" }), { startImmediately: true })
      yield* until(() => abandoned !== 0)
      yield* Fiber.interrupt(call)
      assert.strictEqual(yield* run(channel, "next"), "next")
      assert.deepStrictEqual(kills, ["0900"])
    })
  )

  it.live("that writes too much is killed, and its agent can go on sending until it has ended", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      let credit = 0
      agent.onFrame = (frame) => {
        if (frame.type === HostMessage.exec && execCode(frame) === "flood") {
          for (let count = 0; count < 64; count++) {
            agent.send(AgentMessage.stdout, frame.callId, new Uint8Array(32_000))
          }
        } else if (frame.type === HostMessage.exec) {
          agent.answer(frame.callId, String(credit > 0))
        } else if (frame.type === HostMessage.credit) {
          credit += new ByteReader(frame.payload).u32()
        }
      }
      const channel = yield* connect(agent)
      assert.deepStrictEqual(yield* reasonOf(channel.exec({ command: "flood", maxOutputBytes: 100_000 })), {
        _tag: "OutputTooLarge",
        limitBytes: 100_000
      })
      assert.strictEqual(agent.sessions, 1)
      yield* until(() => credit >= 1024 * 1024)
      assert.strictEqual(agent.count(HostMessage.kill), 1)
      assert.strictEqual(yield* run(channel, "next"), "true")
    })
  )

  it.live("with a consumer that throws ends that call only", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = echoing(agent)
      const channel = yield* connect(agent)
      const thrown = new Error("consumer")
      const exit = yield* Effect.exit(
        channel.exec({
          command: "x",
          onOutput: () => {
            throw thrown
          }
        })
      )
      assert.deepStrictEqual(
        exit._tag === "Failure" && exit.cause.reasons.map((reason) => reason._tag === "Die" && reason.defect),
        [thrown]
      )
      assert.strictEqual(yield* run(channel, "next"), "next")
      assert.strictEqual(agent.sessions, 1)
    })
  )

  it.live("of a program that can't be started says so", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = (frame) => agent.send(AgentMessage.exit, frame.callId, exitPayload({ exitCode: -1, errno: 2 }))
      const channel = yield* connect(agent)
      const reason = { _tag: "GuestRefused", operation: "run", subject: "/bin/none -x", code: "ENOENT" } as const
      assert.deepStrictEqual(yield* reasonOf(channel.exec({ command: ["/bin/none", "-x"] })), reason)
      assert.deepStrictEqual(yield* reasonOf(Effect.scoped(channel.spawn({ command: ["/bin/none", "-x"] }))), reason)
    })
  )

  it.live("answers many at once, each with its own", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = echoing(agent)
      const channel = yield* connect(agent)
      const names = Array.from({ length: 200 }, (_, index) => `call ${index}`)
      assert.deepStrictEqual(
        yield* Effect.forEach(names, (name) => run(channel, name), { concurrency: "unbounded" }),
        names
      )
    })
  )

  it.live("sends code of several frames whole", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      const parts: Array<Frame> = []
      const code = `# ${"ü".repeat(50_000)}`
      agent.onFrame = (frame) => {
        parts.push(frame)
        if (!frame.more) {
          const payload = Buffer.concat(parts.map((part) => part.payload))
          agent.answer(frame.callId, String(execCode({ ...frame, payload: new Uint8Array(payload) }) === code))
        }
      }
      const channel = yield* connect(agent)
      assert.strictEqual(yield* run(channel, code), "true")
      assert.deepStrictEqual(
        parts.map((part) => part.more),
        [true, true, true, false]
      )
    })
  )
})

describe("spawn", () => {
  it.live("unread output blocks no other call, and is read in order later", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, {
        chatty: (callId) => {
          agent.send(AgentMessage.started, callId, new ByteWriter().u32(77).u64(0n).finish())
          for (let count = 0; count < 65; count++) {
            agent.send(
              count % 2 === 0 ? AgentMessage.stdout : AgentMessage.stderr,
              callId,
              new Uint8Array(32_000).fill(count)
            )
          }
        }
      })
      const channel = yield* connect(agent)
      const process = yield* channel.spawn({ command: "chatty" })
      assert.strictEqual(process.pid, 77)
      assert.strictEqual(yield* run(channel, "other"), "other")
      assert.strictEqual(agent.count(HostMessage.credit), 0)
      const chunks = yield* Stream.runCollect(Stream.take(process.output, 65))
      chunks.forEach((chunk, index) => {
        assert.strictEqual(chunk.stream, index % 2 === 0 ? "stdout" : "stderr")
        assert.strictEqual(chunk.bytes[0], index)
      })
      yield* until(() => agent.count(HostMessage.credit) > 0)
    })
  )

  it.live("streams end with the process, and a lost session fails them", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      let spawned: ExecResult["exitCode"] = 0
      agent.onFrame = scripted(agent, {
        quick: (callId) => agent.answer(callId, "out", { exitCode: 3 }),
        hang: (callId) => {
          spawned = callId
          agent.send(AgentMessage.started, callId, new ByteWriter().u32(1).u64(0n).finish())
          agent.send(AgentMessage.stdout, callId, new TextEncoder().encode("part"))
        }
      })
      const channel = yield* connect(agent)
      const quick = yield* channel.spawn({ command: "quick" })
      assert.strictEqual(text(Buffer.concat(yield* Stream.runCollect(quick.stdout))), "out")
      assert.deepStrictEqual(yield* Stream.runCollect(quick.stderr), [])
      assert.strictEqual((yield* quick.exit).exitCode, 3)
      const hanging = yield* channel.spawn({ command: "hang" })
      const read: Array<string> = []
      const reading = yield* Effect.forkChild(
        Effect.flip(Stream.runForEach(hanging.stdout, (bytes) => Effect.sync(() => read.push(text(bytes))))),
        { startImmediately: true }
      )
      yield* until(() => read.length === 1 && spawned !== 0)
      agent.forget()
      reopen(channel)
      assert.strictEqual((yield* Fiber.join(reading)).reason._tag, "AgentRestarted")
      assert.deepStrictEqual(read, ["part"])
      assert.strictEqual((yield* reasonOf(hanging.exit))._tag, "AgentRestarted")
    })
  )

  it.live("closing its scope kills the process group", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      agent.onFrame = scripted(agent, {
        hang: (callId) => agent.send(AgentMessage.started, callId, new ByteWriter().u32(1).u64(0n).finish())
      })
      const channel = yield* connect(agent)
      yield* Effect.scoped(channel.spawn({ command: "hang" }))
      yield* until(() => agent.count(HostMessage.kill) === 1)
    })
  )
})

describe("paths", () => {
  it.live("with a NUL never reach the guest", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      const channel = yield* connect(agent)
      yield* channel.session
      const path = "/etc/passwd\0.txt"
      const calls: ReadonlyArray<Effect.Effect<unknown, GuestError>> = [
        channel.stat(path),
        channel.list(path),
        channel.writeFile({ path, content: new Uint8Array(0) }),
        Effect.scoped(channel.readFile(path)),
        channel.makeDirectory({ path }),
        channel.makeSymlink({ path: "/x", target: path }),
        channel.probe({ probe: { kind: "pathExists", path }, timeoutMs: 0 })
      ]
      for (const call of calls) {
        const reason = yield* reasonOf(call)
        assert.strictEqual(reason._tag === "GuestRefused" && reason.code, "EINVAL")
      }
      assert.deepStrictEqual(agent.frames, [])
    })
  )
})
