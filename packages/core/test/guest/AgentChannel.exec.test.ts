import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { AgentMessage } from "@nix-vm-test/core/guest/AgentMessage"
import { ByteReader } from "@nix-vm-test/core/guest/ByteReader"
import { ByteWriter } from "@nix-vm-test/core/guest/ByteWriter"
import type { Frame } from "@nix-vm-test/core/guest/Frame"
import { HostMessage } from "@nix-vm-test/core/guest/HostMessage"
import { echoing, execCode, exitPayload, fakeAgent } from "./FakeAgent.ts"
import { until } from "./until.ts"
import { connect, reasonOf, run, text } from "./channelCalls.ts"

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

  it.live("takes a command whose time was over before it could begin as one that timed out", () =>
    Effect.gen(function* () {
      const agent = yield* fakeAgent
      const late = exitPayload({ exitCode: -1, timedOut: true, errno: 110 })
      agent.onFrame = (frame) => {
        if (frame.type === HostMessage.exec) agent.send(AgentMessage.exit, frame.callId, late)
      }
      const channel = yield* connect(agent)
      assert.deepInclude(yield* channel.exec({ command: "true", timeoutMs: 1 }), { exitCode: -1, timedOut: true })
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
