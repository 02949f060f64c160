import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { connectQmp, queryQmp, queryStatus } from "@nix-vm-test/core/qemu/Qmp"
import { type FakeQmpOptions, fakeQmpServer, greeting } from "./fakeQmpServer.ts"

const connected = Effect.fnUntraced(function* (options: FakeQmpOptions) {
  return yield* connectQmp({ path: yield* fakeQmpServer(options) })
})

const reply = (id: number, value: unknown) => `${JSON.stringify({ return: value, id })}\r\n`
const event = (name: string) => `${JSON.stringify({ event: name, timestamp: { seconds: 1, microseconds: 2 } })}\r\n`

layer(UnixSockets.layer, { excludeTestServices: true })("Qmp", (it) => {
  it.effect("tells the version of the greeting", () =>
    Effect.gen(function* () {
      const qmp = yield* connected({})
      assert.deepStrictEqual(qmp.version, { qemu: { major: 9, minor: 2, micro: 3 }, package: "fake" })
    })
  )
  it.effect("sends a command with its arguments and returns the reply", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const qmp = yield* connected({
        onCommand: (command, connection) => {
          seen.push(command)
          connection.write(reply(command.id, [1, { two: "ü" }]))
        }
      })
      assert.deepStrictEqual(yield* qmp.execute("set_link", { name: "n0", up: false }), [1, { two: "ü" }])
      assert.deepStrictEqual(seen, [{ execute: "set_link", arguments: { name: "n0", up: false }, id: 2 }])
    })
  )
  it.effect("replies in another order reach the commands that they belong to", () =>
    Effect.gen(function* () {
      const ids: Array<number> = []
      const qmp = yield* connected({
        onCommand: (command, connection) => {
          ids.push(command.id)
          if (ids.length === 20)
            connection.write(
              ids
                .toReversed()
                .map((id) => reply(id, id))
                .join("")
            )
        }
      })
      const replies = yield* Effect.forEach(Array.from({ length: 20 }), () => qmp.execute("wait"), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(replies, ids)
    })
  )
  it.effect("a refusal names the command, the class and the reason", () =>
    Effect.gen(function* () {
      const qmp = yield* connected({
        onCommand: ({ id }, connection) =>
          connection.write(`${JSON.stringify({ error: { class: "CommandNotFound", desc: "no such" }, id })}\r\n`)
      })
      const { reason } = yield* Effect.flip(qmp.execute("nonsense"))
      assert.deepStrictEqual(reason, {
        _tag: "QmpFailed",
        command: "nonsense",
        class: "CommandNotFound",
        desc: "no such"
      })
    })
  )
  it.effect("a reply of another form than asked for is an error", () =>
    Effect.gen(function* () {
      const qmp = yield* connected({
        onCommand: ({ id }, connection) => connection.write(reply(id, { running: "yes" }))
      })
      const { reason } = yield* Effect.flip(queryStatus(qmp))
      assert.deepInclude(reason, { _tag: "QmpFailed", command: "query-status", class: "Undecodable" })
      const loose = yield* queryQmp(qmp, { command: "query-x", reply: Schema.Struct({ running: Schema.String }) })
      assert.deepStrictEqual(loose, { running: "yes" })
    })
  )
  it.effect("an interrupted command's late reply disturbs nobody", () =>
    Effect.gen(function* () {
      const ids: Array<number> = []
      const qmp = yield* connected({
        onCommand: ({ execute, id }, connection) => {
          ids.push(id)
          if (execute === "second") connection.write(ids.map((each) => reply(each, each)).join(""))
        }
      })
      const first = yield* Effect.forkChild(qmp.execute("first"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* qmp.execute("second"), ids[1])
    })
  )
  it.effect("all commands under way fail when QEMU closes, and later ones at once", () =>
    Effect.gen(function* () {
      let commands = 0
      const qmp = yield* connected({ onCommand: (_, connection) => void (++commands === 3 && connection.close()) })
      const errors = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.flip(qmp.execute(name)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        errors.map(({ reason }) => reason._tag),
        ["QmpClosed", "QmpClosed", "QmpClosed"]
      )
      assert.strictEqual(yield* qmp.closed, "QEMU closed it")
      assert.strictEqual((yield* Effect.flip(qmp.execute("late"))).reason._tag, "QmpClosed")
    })
  )
  it.effect("a command under way fails when its connection's Scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const qmp = yield* Scope.provide(connected({}), scope)
      const waiting = yield* Effect.forkChild(Effect.flip(qmp.execute("wait")), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "QmpClosed")
    })
  )
  it.effect(
    "events reach the callback from the first one on, subscribers from their subscription on, and end with the connection",
    () =>
      Effect.gen(function* () {
        const heard: Array<string> = []
        const path = yield* fakeQmpServer({
          onConnect: (connection) => connection.write(`${greeting}\r\n${event("EARLY")}`),
          onCommand: ({ id }, connection) => {
            connection.write(`${event("STOP")}${reply(id, {})}${event("RESUME")}`)
            setImmediate(connection.close)
          }
        })
        const qmp = yield* connectQmp({ path, onEvent: ({ event: name }) => void heard.push(name) })
        const events = yield* qmp.subscribe
        yield* qmp.execute("cont")
        const subscribed = yield* Stream.runCollect(Stream.map(events, ({ event: name }) => name))
        assert.deepStrictEqual(subscribed, ["STOP", "RESUME"])
        assert.deepStrictEqual(heard, ["EARLY", "STOP", "RESUME"])
        assert.deepStrictEqual(yield* Stream.runCollect(yield* qmp.subscribe), [])
      })
  )
  it.effect("a message of no known form ends the session", () =>
    Effect.gen(function* () {
      const qmp = yield* connected({ onCommand: (_, connection) => connection.write('{"hello":1}\r\n') })
      const error = yield* Effect.flip(qmp.execute("x"))
      assert.strictEqual(error.reason._tag, "QmpClosed")
      assert.include(error.message, '{"hello":1}')
    })
  )
  it.effect("something that is no monitor is noticed by its first line", () =>
    Effect.gen(function* () {
      const path = yield* fakeQmpServer({ onConnect: (connection) => connection.write("SSH-2.0-OpenSSH\r\n") })
      const error = yield* Effect.flip(connectQmp({ path }))
      assert.include(error.message, "SSH-2.0-OpenSSH")
    })
  )
  it.effect("a monitor that stays silent is given up", () =>
    Effect.gen(function* () {
      const path = yield* fakeQmpServer({ onConnect: () => {} })
      const error = yield* Effect.flip(connectQmp({ path, greetingWithinMs: 50 }))
      assert.include(error.message, "no greeting within 0.05 s")
    })
  )
  it.effect("nobody listening is an error that names the socket", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(connectQmp({ path: "/tmp/no-such-directory/qmp" }))
      assert.include(error.message, "/tmp/no-such-directory/qmp")
      assert.include(error.message, "ENOENT")
    })
  )
})
