import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { queryQmp, queryStatus } from "@nix-vm-test/core/qemu/Qmp"
import { emptyMachine, realHost, startQemu } from "./emptyMachine.ts"

layer(realHost, { excludeTestServices: true })("Qmp with a real QEMU", (it) => {
  it.effect("commands, a big reply among them, overlap", () =>
    Effect.gen(function* () {
      const { qmp } = yield* startQemu(emptyMachine)
      const [schema, status, ...names] = yield* Effect.all(
        [
          queryQmp(qmp, { command: "query-qmp-schema", reply: Schema.Array(Schema.Struct({ name: Schema.String })) }),
          queryStatus(qmp),
          qmp.execute("query-name"),
          qmp.execute("query-name")
        ],
        { concurrency: "unbounded" }
      )
      assert.isAbove(schema.length, 500)
      assert.deepStrictEqual(status, { running: false, status: "prelaunch" })
      assert.deepStrictEqual(names, [{}, {}])
    })
  )
  it.effect("a refusal is QEMU's own", () =>
    Effect.gen(function* () {
      const { qmp } = yield* startQemu(emptyMachine)
      assert.deepInclude((yield* Effect.flip(qmp.execute("no-such-command"))).reason, {
        _tag: "QmpFailed",
        class: "CommandNotFound"
      })
      assert.deepInclude((yield* Effect.flip(qmp.execute("device_del", { id: "none" }))).reason, {
        class: "DeviceNotFound"
      })
      assert.deepInclude((yield* Effect.flip(qmp.execute("query-status", { odd: 1 }))).reason, {
        class: "GenericError"
      })
    })
  )
  it.effect("events come in order and end with QEMU", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const { qmp } = yield* startQemu(emptyMachine, { onEvent: ({ event }) => void heard.push(event) })
      const events = yield* qmp.subscribe
      yield* qmp.execute("cont")
      yield* qmp.execute("stop")
      yield* qmp.execute("quit")
      const seen = yield* Stream.runCollect(Stream.map(events, ({ event }) => event))
      assert.deepStrictEqual(seen, ["RESUME", "STOP", "SHUTDOWN"])
      assert.deepStrictEqual(heard, seen)
      assert.strictEqual(yield* qmp.closed, "QEMU closed it")
    })
  )
})
