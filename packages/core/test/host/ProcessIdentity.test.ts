import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { livenessOf, ownIdentity, parseProcessStat } from "@nix-vm-test/core/host/ProcessIdentity"
import { nodeChild } from "./nodeChild.ts"

describe("parseProcessStat", () => {
  const tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21"
  it("reads state and start time", () => {
    assert.deepStrictEqual(parseProcessStat(`12 (cat) ${tail}`), { state: "S", startTime: "4242" })
  })
  it.prop("is not misled by the program's name", [Schema.String], ([name]) => {
    assert.deepStrictEqual(parseProcessStat(`12 (${name}) ${tail}`), { state: "S", startTime: "4242" })
  })
  it("knows text of another form", () => {
    assert.isUndefined(parseProcessStat(""))
    assert.isUndefined(parseProcessStat("12 (cat) S 1"))
  })
})

layer(NodeFileSystem.layer, { excludeTestServices: true })("ProcessIdentity", (it) => {
  it.effect("this process is alive", () =>
    Effect.gen(function* () {
      const own = yield* ownIdentity
      assert.strictEqual(own.pid, process.pid)
      assert.strictEqual(yield* livenessOf(own), "alive")
    })
  )
  it.effect("the same pid with another start time is dead", () =>
    Effect.gen(function* () {
      const own = yield* ownIdentity
      assert.strictEqual(yield* livenessOf({ ...own, startTime: "1" }), "dead")
    })
  )
  it.effect("everything of another boot is dead, whatever its namespace", () =>
    Effect.gen(function* () {
      const own = yield* ownIdentity
      assert.strictEqual(yield* livenessOf({ ...own, bootId: "other", pidNamespace: "pid:[1]" }), "dead")
    })
  )
  it.effect("another pid namespace of this boot can't be judged", () =>
    Effect.gen(function* () {
      const own = yield* ownIdentity
      assert.strictEqual(yield* livenessOf({ ...own, pid: 999_999_999, pidNamespace: "pid:[1]" }), "unknown")
    })
  )
  it.effect("a child is alive until it is killed", () =>
    Effect.gen(function* () {
      const own = yield* ownIdentity
      const child = yield* nodeChild({ script: new URL("./children/spawnSleep.ts", import.meta.url) })
      const stat = parseProcessStat(
        yield* Effect.promise(() =>
          import("node:fs/promises").then((fs) => fs.readFile(`/proc/${child.pid}/stat`, "utf8"))
        )
      )
      const identity = { ...own, pid: child.pid, startTime: stat?.startTime ?? "" }
      assert.strictEqual(yield* livenessOf(identity), "alive")
      yield* child.kill
      assert.strictEqual(yield* livenessOf(identity), "dead")
    })
  )
})
