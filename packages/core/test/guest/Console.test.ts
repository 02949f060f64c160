import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Console from "@nix-vm-test/core/guest/Console"
import { regExpMatcher } from "@nix-vm-test/core/guest/TextMatcher"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { fakeAgent } from "./FakeAgent.ts"
import { until } from "./until.ts"

const text = (chunk: Uint8Array): string => new TextDecoder().decode(chunk)
const bytes = (line: string): Uint8Array => new TextEncoder().encode(line)

/** A console whose other end is the test's. */
const openConsole = (options: Partial<Console.AttachOptions> = {}) =>
  Effect.gen(function* () {
    const port = yield* fakeAgent
    const console = Console.make()
    const attach = console.attach({ path: port.path, ...options }).pipe(Effect.provide(UnixSockets.layer))
    const { send } = yield* attach
    yield* until(() => port.connections === 1)
    return { port, console, attach, send }
  })

describe("Console", () => {
  it.live("reports lines as they come, and the last one at the end", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const started = Date.now()
      const { port, console } = yield* openConsole({
        onLine: (line) => {
          assert.isAtLeast(line.time, started)
          lines.push(line.text)
        }
      })
      port.raw(bytes("one\r\ntwo\r\nlogin: "))
      yield* console.waitForText(regExpMatcher(/login: $/))
      assert.deepStrictEqual(lines, ["one", "two"])
      port.hangUp()
      yield* until(() => lines.length === 3)
      assert.strictEqual(lines[2], "login: ")
      assert.strictEqual(console.text(), "one\ntwo\nlogin: \n")
    })
  )

  it.live("waits for text that comes later; each wait has its own match", () =>
    Effect.gen(function* () {
      const { port, console } = yield* openConsole()
      const first = yield* Effect.forkChild(console.waitForText(regExpMatcher(/ready (\d)/)), {
        startImmediately: true
      })
      const second = yield* Effect.forkChild(console.waitForText(regExpMatcher(/ready (\d)/)), {
        startImmediately: true
      })
      const given = yield* Effect.forkChild(console.waitForText(regExpMatcher(/ready/)), { startImmediately: true })
      yield* Fiber.interrupt(given)
      port.raw(bytes("rea"))
      port.raw(bytes("dy 1\nready 2\n"))
      assert.strictEqual((yield* Fiber.join(first)).text, "ready 1")
      assert.strictEqual((yield* Fiber.join(second)).text, "ready 2")
    })
  )

  it.live("fails a wait when the console ends, but matches what is there", () =>
    Effect.gen(function* () {
      const { port, console } = yield* openConsole()
      const waiting = yield* Effect.forkChild(Effect.flip(console.waitForText(regExpMatcher(/never/))), {
        startImmediately: true
      })
      port.raw(bytes("Power down"))
      yield* until(() => console.text() === "Power down")
      port.hangUp()
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "ChannelClosed")
      assert.isDefined(yield* console.waitForText(regExpMatcher(/Power down/)))
      assert.strictEqual(
        (yield* Effect.flip(console.waitForText(regExpMatcher(/Power down/)))).reason._tag,
        "ChannelClosed"
      )
    })
  )

  it.live("goes on in the same text when another port is attached", () =>
    Effect.gen(function* () {
      const { port, console, attach } = yield* openConsole()
      port.raw(bytes("first life\nrest"))
      yield* console.waitForText(regExpMatcher(/rest/))
      port.hangUp()
      yield* Effect.flip(console.waitForText(regExpMatcher(/life/)))
      yield* attach
      yield* until(() => port.connections === 2)
      const waiting = yield* Effect.forkChild(console.waitForText(regExpMatcher(/\w+ life/)), {
        startImmediately: true
      })
      port.raw(bytes("second life\n"))
      assert.strictEqual((yield* Fiber.join(waiting)).text, "second life")
      assert.strictEqual(console.text(), "first life\nrest\nsecond life\n")
    })
  )

  it.live("types", () =>
    Effect.gen(function* () {
      const { port, send } = yield* openConsole()
      const typed: Array<string> = []
      port.onBytes = (chunk) => typed.push(text(chunk))
      yield* send(bytes("root\n"))
      yield* until(() => typed.join("") === "root\n")
    })
  )
})
