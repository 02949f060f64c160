import { statSync } from "node:fs"
import { assert, layer } from "@effect/vitest"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { createOverlay } from "@nix-vm-test/core/store/Qcow"
import {
  adoptShipped,
  readShipped,
  shippedFolders,
  shipTemplate,
  verifyShipped
} from "@nix-vm-test/core/store/ShippedTemplate"
import { keepTemplate, lockTemplate, lookUpTemplate, makeTemplateFolder } from "@nix-vm-test/core/store/Templates"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { imageTool, storeServices } from "./storeAt.ts"
import { makeQcow, rawDisk } from "./testDisk.ts"

const mebibyte = 1024 ** 2
const virtualSize = 2 * mebibyte
const memoryBytes = 8 * mebibyte

const manifest = {
  title: "test:1, 8 MiB, 1 CPU, tcg",
  qemu: "7.2.22",
  memoryBytes,
  identity: {
    templateVersion: 1,
    image: "sha256-1",
    qemuBuildId: "qemu-1",
    agentDigest: "agent-1",
    cpu: "",
    machine: [["-m", "8M"] as const]
  }
}

/** Memory with a hole in its midst. */
const memory = (): Uint8Array => {
  const content = new Uint8Array(memoryBytes)
  content.set(rawDisk(mebibyte))
  content.set(rawDisk(mebibyte), memoryBytes - mebibyte)
  return content
}

/** A base disk, a template over it in a cache, and the folder that it was written to. */
const shipSmall = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const root = yield* fs.makeTempDirectoryScoped()
  const base = `${root}/base.qcow2`
  yield* makeQcow({ path: base, content: rawDisk(virtualSize) })
  const ram = memory()
  const folder = `${root}/shipped`
  const ship = (to: string) =>
    Effect.gen(function* () {
      const known = yield* lookUpTemplate("key")
      const template = Option.isSome(known)
        ? known.value
        : yield* Effect.scoped(
            Effect.gen(function* () {
              yield* lockTemplate({ key: "key", onWait: () => {} })
              const partial = yield* makeTemplateFolder("key")
              yield* fs.writeFile(partial.ram, ram)
              yield* fs.writeFileString(partial.state, "state")
              yield* createOverlay({ path: partial.disk, base: { path: base, format: "qcow2", virtualSize } })
              return yield* keepTemplate(partial, { title: "test", base })
            })
          )
      yield* shipTemplate({ template, manifest, folder: to, imageTool })
    }).pipe(Effect.provide(CacheDirectory.layerAt(`${root}/maker`)))
  yield* ship(folder)
  const adopt = (from: string) =>
    Effect.flatMap(readShipped(from), (shipped) =>
      adoptShipped({ shipped, base: { path: base, format: "qcow2", virtualSize }, imageTool })
    ).pipe(Effect.provide(CacheDirectory.layerAt(`${root}/user`)))
  return { fs, root, base, folder, ram, ship, adopt }
})

const names = ["disk.qcow2", "ram.zst", "state", "template.json"]

layer(storeServices, { excludeTestServices: true })("shipped templates", (it) => {
  it.effect("are small files that nobody may write to, name no place, and are the same each time", () =>
    Effect.gen(function* () {
      const { fs, root, folder, ship } = yield* shipSmall
      assert.deepStrictEqual((yield* fs.readDirectory(folder)).toSorted(), names)
      yield* ship(`${root}/again`)
      let bytes = 0
      for (const name of names) {
        const { mode, size } = yield* fs.stat(`${folder}/${name}`)
        assert.strictEqual((mode & 0o777).toString(8), "444", name)
        bytes += ByteSize.toNumberUnsafe(size)
        const content = Buffer.from(yield* fs.readFile(`${folder}/${name}`))
        assert.notInclude(content.toString("latin1"), root, name)
        assert.isTrue(content.equals(yield* fs.readFile(`${root}/again/${name}`)), name)
      }
      assert.isBelow(bytes, memoryBytes / 2)
      assert.deepStrictEqual((yield* fs.readDirectory(root)).toSorted(), ["again", "base.qcow2", "maker", "shipped"])
    })
  )

  it.effect("are used from where they were moved to, without a byte written there", () =>
    Effect.gen(function* () {
      const { fs, root, base, folder, ram, adopt } = yield* shipSmall
      const moved = `${root}/elsewhere/deeper`
      yield* fs.makeDirectory(`${root}/elsewhere`)
      yield* fs.rename(folder, moved)
      yield* fs.chmod(moved, 0o555)
      const template = yield* adopt(moved)
      assert.isTrue(Buffer.from(ram).equals(yield* fs.readFile(template.ram)))
      const { mode, blocks } = statSync(template.ram)
      assert.strictEqual((mode & 0o777).toString(8), "600")
      assert.isBelow(blocks * 512, 3 * mebibyte)
      assert.include(Buffer.from(yield* fs.readFile(template.disk)).toString("latin1"), base)
      assert.deepStrictEqual((yield* fs.readDirectory(moved)).toSorted(), names)
      // It was verified: now it is the cache's, and the folder may go.
      const shipped = yield* readShipped(moved)
      yield* fs.remove(`${moved}/ram.zst`)
      const again = yield* adoptShipped({
        shipped,
        base: { path: base, format: "qcow2", virtualSize },
        imageTool
      }).pipe(Effect.provide(CacheDirectory.layerAt(`${root}/user`)))
      assert.deepStrictEqual(again, template)
    })
  )

  const damages: Readonly<Record<string, readonly [string, RegExp, (content: Buffer) => Uint8Array]>> = {
    "a flipped bit of its memory": ["ram.zst", /ram\.zst has other bytes than/u, (content) => flip(content)],
    "another state": ["state", /state has other bytes than/u, (content) => flip(content)],
    "another disk": ["disk.qcow2", /disk\.qcow2 has other bytes than/u, (content) => flip(content)],
    "memory that was cut off": [
      "ram.zst",
      /ram\.zst has \d+ bytes instead of \d+/u,
      (content) => content.subarray(0, content.length - 1)
    ]
  }
  const flip = (content: Buffer): Uint8Array => {
    const middle = Math.floor(content.length / 2)
    content[middle] = (content[middle] ?? 0) ^ 1
    return content
  }
  for (const [what, [name, words, damage]] of Object.entries(damages)) {
    it.effect(`with ${what} are refused, and leave nothing in the cache`, () =>
      Effect.gen(function* () {
        const { fs, root, folder, adopt } = yield* shipSmall
        const path = `${folder}/${name}`
        const content = damage(Buffer.from(yield* fs.readFile(path)))
        yield* fs.remove(path)
        yield* fs.writeFile(path, content)
        const refusal = yield* Effect.flip(adopt(folder))
        assert.strictEqual(refusal._tag, "ShippedTemplateError")
        assert.match(refusal.message, words)
        assert.include(refusal.message, folder)
        assert.match((yield* Effect.flip(Effect.flatMap(readShipped(folder), verifyShipped))).message, words)
        assert.deepStrictEqual(yield* fs.readDirectory(`${root}/user/templates`), [])
      })
    )
  }

  it.effect("are verified as whole where they are", () =>
    Effect.gen(function* () {
      const { folder } = yield* shipSmall
      yield* Effect.flatMap(readShipped(folder), verifyShipped)
    })
  )

  it.effect("are not found in folders that hold something else", () =>
    Effect.gen(function* () {
      const { fs, root, folder } = yield* shipSmall
      assert.deepStrictEqual(yield* shippedFolders(folder), [folder])
      assert.deepStrictEqual(yield* shippedFolders(root), [folder])
      assert.match((yield* Effect.flip(readShipped(root))).message, /is no template: it has no template\.json/u)
      yield* fs.writeFileString(`${root}/template.json`, `{"format":99}`)
      assert.match((yield* Effect.flip(readShipped(root))).message, /not one that this version/u)
    })
  )

  it.effect("never unpack to more than the guest's memory", () =>
    Effect.gen(function* () {
      const { fs, root, base, folder } = yield* shipSmall
      const shipped = yield* readShipped(folder)
      const smaller = { ...shipped, manifest: { ...shipped.manifest, memoryBytes: mebibyte } }
      const refusal = yield* adoptShipped({
        shipped: smaller,
        base: { path: base, format: "qcow2", virtualSize },
        imageTool
      }).pipe(Effect.flip, Effect.provide(CacheDirectory.layerAt(`${root}/user`)))
      assert.match(refusal.message, /larger than the guest's memory/u)
      assert.deepStrictEqual(yield* fs.readDirectory(`${root}/user/templates`), [])
    })
  )
})
