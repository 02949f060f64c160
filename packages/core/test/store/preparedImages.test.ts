import { assert, layer } from "@effect/vitest"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import type { StoredImage } from "@nix-vm-test/core/plan/StoredImage"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { keepPrepared, lockPrepared, lookUpPrepared } from "@nix-vm-test/core/store/preparedImages"
import { createOverlay } from "@nix-vm-test/core/store/Qcow"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { imageTool, storeServices } from "./storeAt.ts"
import { imageOf, makeQcow, rawDisk } from "./testDisk.ts"

const mebibyte = 1024 ** 2
const key = "prepared-one"

/** An image, an overlay over it with one written cluster, and a cache to keep it in. */
const scene = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const processes = yield* ChildProcesses
  const folder = yield* fs.makeTempDirectoryScoped()
  const path = `${folder}/base.qcow2`
  yield* makeQcow({ path, content: rawDisk(4 * mebibyte) })
  const image: StoredImage = {
    image: imageOf({ _tag: "File", path }),
    path,
    format: "qcow2",
    virtualSize: 4 * mebibyte,
    key: "base",
    installedAgent: false
  }
  const overlay = `${folder}/overlay.qcow2`
  yield* createOverlay({ path: overlay, base: image })
  yield* processes.run({ command: "qemu-io", args: ["-c", "write -P 7 1M 64k", overlay], timeoutMs: 60_000 })
  return { fs, processes, image, overlay, cache: CacheDirectory.layerAt(`${folder}/cache`) }
})

layer(storeServices, { excludeTestServices: true })("prepared images", (it) => {
  it.effect(
    "are found again by their key, as thin read-only overlays that give what was written and the base's rest",
    () =>
      Effect.gen(function* () {
        const { fs, processes, image, overlay, cache } = yield* scene
        const kept = yield* Effect.gen(function* () {
          assert.isTrue(Option.isNone(yield* lookUpPrepared({ image, key })))
          yield* lockPrepared({ key, onWait: () => {} })
          const prepared = yield* keepPrepared({ image, key, overlay, imageTool })
          assert.deepStrictEqual(yield* lookUpPrepared({ image, key }), Option.some(prepared))
          return prepared
        }).pipe(Effect.provide(cache))
        assert.deepStrictEqual(kept, { ...image, path: kept.path, key, installedAgent: true })
        const info = yield* fs.stat(kept.path)
        assert.strictEqual(info.mode & 0o777, 0o444)
        assert.isBelow(Number(info.size), mebibyte)
        const compared = yield* processes.run({
          command: imageTool,
          args: ["compare", kept.path, overlay],
          timeoutMs: 60_000
        })
        assert.include(compared.stdout, "Images are identical")
      })
  )

  it.effect("are made again when their disk is gone", () =>
    Effect.gen(function* () {
      const { fs, image, overlay, cache } = yield* scene
      const found = yield* Effect.gen(function* () {
        yield* lockPrepared({ key, onWait: () => {} })
        const { path } = yield* keepPrepared({ image, key, overlay, imageTool })
        yield* fs.remove(path)
        return yield* lookUpPrepared({ image, key })
      }).pipe(Effect.provide(cache))
      assert.isTrue(Option.isNone(found))
    })
  )
})
