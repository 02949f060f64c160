import * as os from "node:os"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { guestChannelSuite } from "./guestChannelSuite.ts"
import { AgentProgram, nativeAgent } from "./nativeAgent.ts"

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

layer(AgentProgram.layer, { excludeTestServices: true, timeout: "2 minutes" })(
  "the real agent, without a guest",
  (it) => {
    guestChannelSuite(it, {
      open: Effect.map(nativeAgent(), ({ channel }) => channel),
      user: os.userInfo().uid === 0 ? "nobody" : os.userInfo().username,
      bulkBytes: 64 * 1024 * 1024,
      timeoutMs: 60_000
    })

    it.effect(
      "killed: calls in flight fail, and the next one finds its successor",
      () =>
        Effect.gen(function* () {
          const { channel, restart } = yield* nativeAgent()
          const before = yield* channel.session
          const call = yield* Effect.forkChild(Effect.flip(channel.exec({ command: "sleep 1000" })), {
            startImmediately: true
          })
          yield* channel.ping()
          yield* restart
          assert.strictEqual((yield* Fiber.join(call)).reason._tag, "AgentRestarted")
          assert.strictEqual(text((yield* channel.exec({ command: "echo back" })).stdout), "back\n")
          const after = yield* channel.session
          assert.strictEqual(after.bootId, before.bootId)
          assert.notStrictEqual(after.agentPid, before.agentPid)
          assert.strictEqual(after.session, 1)
        }),
      60_000
    )

    it.effect(
      "killed in the middle of bulk, again and again: no byte of the old reaches the new",
      () =>
        Effect.gen(function* () {
          const { channel, restart } = yield* nativeAgent()
          for (let round = 0; round < 5; round++) {
            const bulk = yield* Effect.forkChild(
              Effect.flip(channel.exec({ command: "cat /dev/zero", maxOutputBytes: 1e12, onOutput: () => {} })),
              {
                startImmediately: true
              }
            )
            yield* Effect.sleep(50)
            yield* restart
            assert.strictEqual((yield* Fiber.join(bulk)).reason._tag, "AgentRestarted")
            assert.strictEqual(text((yield* channel.exec({ command: `echo ${round}` })).stdout), `${round}\n`)
          }
        }),
      60_000
    )
  }
)
