/** A cloud image that nothing is known of, which only its one boot with cloud-init makes usable: as users bring them. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { runServices } from "@nix-vm-test/driver/run/services"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { imageOf } from "../../../core/test/store/testDisk.ts"
import { type CommandOptions, Workplace } from "../faults/Workplace.ts"

const mebibyte = 1024 ** 2

const stockDisk = ImageStore.use((store) =>
  store.materialize(imageOf({ _tag: "Packages", recipe: "debian-12-stock" }))
).pipe(
  Effect.map(({ path: disk }) => disk),
  Effect.provide(runServices)
)

describe("preparing an image", () => {
  it("starts over after it was killed, is done once, and can be exported with its image", async () => {
    const place = new Workplace()
    const cache = path.join(place.folder, "cache")
    const images = (args: ReadonlyArray<string>, options: CommandOptions = {}) =>
      place.run(["images", ...args], { ...options, env: { NIX_VM_TEST_CACHE: cache } })
    const prepared = path.join(cache, "prepared")
    try {
      const stock = await Effect.runPromise(stockDisk)
      assert.strictEqual((await images(["import", "--name", "own:stock", stock])).exitCode, 0)

      const killed = await images(["prepare", "own:stock"], {
        onError: (stderr, command) => {
          if (stderr.includes("booting the kernel")) command.signal("SIGKILL")
        }
      })
      assert.strictEqual(killed.signal, "SIGKILL")
      assert.deepStrictEqual(
        fs.readdirSync(prepared).filter((name) => !name.includes(".lock")),
        []
      )

      const first = await images(["prepare", "own:stock", "--json"])
      assert.strictEqual(first.exitCode, 0, first.stderr)
      assert.include(first.stderr, "own:stock: preparing: ")
      const [done] = JSON.parse(first.stdout)
      assert.deepInclude(done, { name: "own:stock", preparation: "done", entry: "nocloud" })
      assert.isBelow(done.addedBytes, 16 * mebibyte)
      assert.strictEqual(path.dirname(done.path), prepared)

      const second = await images(["prepare", "own:stock", "--json"])
      assert.deepStrictEqual([second.stdout, second.stderr], [first.stdout, ""])
      assert.match((await images(["list"])).stdout, /^own:stock .*imported, prepared$/mu)
      assert.match((await images(["verify"])).stdout, /^2 of 2 are as they were$/mu)

      const whole = path.join(place.folder, "whole.qcow2")
      assert.strictEqual((await images(["export", "own:stock", whole, "--prepared"])).exitCode, 0)
      assert.notInclude(String(execFileSync("qemu-img", ["info", whole])), "backing file")
      assert.include(String(execFileSync("qemu-img", ["compare", done.path, whole])), "identical")
    } finally {
      place.remove()
    }
  })
})
