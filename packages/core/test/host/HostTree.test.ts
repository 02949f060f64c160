import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as HostTree from "@nix-vm-test/core/host/HostTree"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const folder = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nvt-tree-"))),
  (where) => Effect.promise(() => fs.rm(where, { recursive: true, force: true }))
)

describe("writeFile", () => {
  it.live("leaves the old file and nothing half when the content breaks off", () =>
    Effect.gen(function* () {
      const where = yield* folder
      const file = path.join(where, "kept")
      yield* Effect.promise(() => fs.writeFile(file, "old"))
      const content = Stream.concat(Stream.make(new Uint8Array([1, 2, 3])), Stream.fail("broke off" as const))
      assert.strictEqual(yield* Effect.flip(HostTree.writeFile({ path: file, content, mode: 0o644 })), "broke off")
      assert.deepStrictEqual(yield* Effect.promise(() => fs.readdir(where)), ["kept"])
      assert.strictEqual(yield* Effect.promise(() => fs.readFile(file, "utf8")), "old")
    })
  )
})

describe("isSafeName", () => {
  it("takes names of one file only", () => {
    for (const name of ["a", "...", ".hidden", "with space", "with\nnewline", "-rf"]) {
      assert.isTrue(HostTree.isSafeName(name), name)
    }
    for (const name of ["", ".", "..", "a/b", "/", "../up", "nul\0"]) assert.isFalse(HostTree.isSafeName(name), name)
  })
})
