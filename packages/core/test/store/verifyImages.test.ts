import { assert, layer } from "@effect/vitest"
import type { StoredImage } from "@nix-vm-test/core/plan/StoredImage"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { keepPrepared, lockPrepared } from "@nix-vm-test/core/store/preparedImages"
import { createOverlay } from "@nix-vm-test/core/store/Qcow"
import { storedDisks, verifyDisk } from "@nix-vm-test/core/store/verifyImages"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { fileServer, serveWell } from "./FileServer.ts"
import { imageTool, storeAt, storeServices } from "./storeAt.ts"
import { digestOf, imageOf, makeQcow, rawDisk } from "./testDisk.ts"

const mebibyte = 1024 ** 2

/** A cache with a downloaded image, what was prepared from it, and a record of a user's own file. */
const scene = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  const root = `${folder}/cache`
  const content = yield* makeQcow({ path: `${folder}/disk.qcow2`, content: rawDisk(2 * mebibyte) })
  const server = yield* fileServer({ content, paths: { "/disk": [serveWell] } })
  const image = imageOf({ _tag: "Pinned", urls: [server.url("/disk")], digest: digestOf(content) })
  const get = Effect.provide(
    ImageStore.use((store) => store.materialize(image)),
    storeAt(root)
  )
  const stored = yield* get
  yield* Effect.provide(
    ImageStore.use((store) => store.materialize(imageOf({ _tag: "File", path: `${folder}/disk.qcow2` }))),
    storeAt(root)
  )
  const verify = Effect.gen(function* () {
    const disks = yield* storedDisks
    return yield* Effect.forEach(disks, (disk) => verifyDisk({ disk, imageTool }))
  }).pipe(Effect.provide(CacheDirectory.layerAt(root)))
  return { fs, folder, root, content, server, get, stored, verify }
})

const prepareFrom = Effect.fnUntraced(function* (at: {
  readonly folder: string
  readonly root: string
  readonly stored: StoredImage
}) {
  const overlay = `${at.folder}/overlay.qcow2`
  yield* createOverlay({ path: overlay, base: at.stored })
  return yield* Effect.gen(function* () {
    yield* lockPrepared({ key: "prepared-one", onWait: () => {} })
    return yield* keepPrepared({ image: at.stored, key: "prepared-one", overlay, imageTool })
  }).pipe(Effect.scoped, Effect.provide(CacheDirectory.layerAt(at.root)))
})

/** Other bytes of the same length. */
const spoil = Effect.fnUntraced(function* (path: string, offset: number) {
  const fs = yield* FileSystem.FileSystem
  const content = yield* fs.readFile(path)
  content.fill(0xff, offset, offset + 64)
  yield* fs.remove(path)
  yield* fs.writeFile(path, content)
})

layer(storeServices, { excludeTestServices: true })("verifying the cache", (it) => {
  it.effect("finds nothing wrong with what is whole, and leaves users' own files alone", () =>
    Effect.gen(function* () {
      const at = yield* scene
      const { path } = yield* prepareFrom(at)
      assert.deepStrictEqual(yield* at.verify, [
        { kind: "image", key: at.stored.key, title: "test:1", path: at.stored.path },
        { kind: "prepared", key: "prepared-one", title: "test:1", path }
      ])
    })
  )

  it.effect("puts an image aside whose bytes changed, which is then downloaded again", () =>
    Effect.gen(function* () {
      const at = yield* scene
      yield* spoil(at.stored.path, mebibyte)
      const [image] = yield* at.verify
      assert.match(image?.fault ?? "", new RegExp(`^expected sha256:${digestOf(at.content).hex}, got sha256:`, "u"))
      assert.strictEqual(image?.keptAt, `${at.stored.path}.rejected`)
      assert.deepStrictEqual(yield* at.verify, [])
      assert.deepStrictEqual(yield* at.get, at.stored)
      assert.deepStrictEqual(at.server.requests, ["/disk", "/disk"])
      assert.lengthOf(yield* at.verify, 1)
    })
  )

  it.effect("tells of a disk that was cut off and of one that is gone", () =>
    Effect.gen(function* () {
      const at = yield* scene
      yield* at.fs.chmod(at.stored.path, 0o644)
      yield* at.fs.truncate(at.stored.path, 1000)
      assert.match((yield* at.verify)[0]?.fault ?? "", /^it has 1000 bytes instead of \d+$/u)
      yield* at.get
      yield* at.fs.remove(at.stored.path)
      const [gone] = yield* at.verify
      assert.deepInclude(gone, { fault: "its file is gone" })
      assert.isUndefined(gone?.keptAt)
    })
  )

  it.effect("puts an overlay aside whose tables are wrong", () =>
    Effect.gen(function* () {
      const at = yield* scene
      const { path } = yield* prepareFrom(at)
      yield* spoil(path, 65_536)
      const faulty = (yield* at.verify).filter(({ fault }) => fault !== undefined)
      assert.deepStrictEqual(
        faulty.map(({ key, keptAt }) => [key, keptAt]),
        [["prepared-one", `${path}.rejected`]]
      )
    })
  )
})
