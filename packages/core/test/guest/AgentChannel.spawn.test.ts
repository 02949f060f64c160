import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { AgentMessage } from "@nix-vm-test/core/guest/AgentMessage"
import { ByteWriter } from "@nix-vm-test/core/guest/ByteWriter"
import type { GuestError } from "@nix-vm-test/core/guest/GuestError"
import { HostMessage } from "@nix-vm-test/core/guest/HostMessage"
import { fakeAgent } from "./FakeAgent.ts"
import { until } from "./until.ts"
import { connect, reasonOf, reopen, run, scripted, text } from "./channelCalls.ts"

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
      let spawned = 0
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
        channel.mount({ type: "9p", source: "share", options: "", readOnly: true, target: path }),
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
