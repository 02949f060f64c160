import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { checkWhole, createDisk, createOverlay, inspectDisk, notARawDisk } from "@nix-vm-test/core/store/Qcow"
import { imageTool, storeServices } from "./storeAt.ts"
import { makeQcow, rawDisk } from "./testDisk.ts"

const mebibyte = 1024 ** 2

const folder = FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())

const inspectFile = Effect.fnUntraced(function* (content: Uint8Array) {
  const fs = yield* FileSystem.FileSystem
  const path = `${yield* folder}/file`
  yield* fs.writeFile(path, content)
  return yield* inspectDisk({ imageTool, path })
})

const text = (words: string) => new TextEncoder().encode(words.padEnd(4_096, " "))

layer(storeServices, { excludeTestServices: true })("Qcow", (it) => {
  it.effect("knows qcow2 and raw disks and their sizes", () =>
    Effect.gen(function* () {
      const path = `${yield* folder}/disk.qcow2`
      yield* makeQcow({ path, content: rawDisk(2 * mebibyte) })
      assert.deepStrictEqual(yield* inspectDisk({ imageTool, path }), { format: "qcow2", virtualSize: 2 * mebibyte })
      assert.deepStrictEqual(yield* inspectFile(rawDisk(mebibyte)), { format: "raw", virtualSize: mebibyte })
    })
  )

  it.effect.each([
    { what: "a web page", content: text("<!DOCTYPE html><title>404</title>"), seen: /web page/u },
    { what: "a gzip file", content: Uint8Array.of(0x1f, 0x8b, 8, ...new Uint8Array(4_096)), seen: /gzip/u },
    {
      what: "an xz file",
      content: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, ...new Uint8Array(4_096)),
      seen: /xz/u
    },
    { what: "zeros", content: new Uint8Array(mebibyte), seen: /neither/u },
    { what: "nothing", content: new Uint8Array(), seen: /neither/u },
    { what: "the head of a qcow2 file alone", content: Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3), seen: /./u }
  ])("$what is no disk, and says so", ({ content, seen }) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(inspectFile(content))
      assert.strictEqual(error.reason._tag, "NotADisk")
      assert.match(error.message, seen)
    })
  )

  it.effect("a disk of another format says how to convert it", () =>
    Effect.gen(function* () {
      const processes = yield* ChildProcesses
      const path = `${yield* folder}/disk.vmdk`
      yield* processes.run({ command: imageTool, args: ["create", "-f", "vmdk", path, "1M"], timeoutMs: 60_000 })
      const error = yield* Effect.flip(inspectDisk({ imageTool, path }))
      assert.include(error.message, `qemu-img convert -O qcow2 ${path}`)
    })
  )

  it.effect("a disk that reads from another file is refused", () =>
    Effect.gen(function* () {
      const path = `${yield* folder}/overlay.qcow2`
      const processes = yield* ChildProcesses
      const args = ["create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", path, "1M"]
      yield* processes.run({ command: imageTool, args, timeoutMs: 60_000 })
      const error = yield* Effect.flip(inspectDisk({ imageTool, path }))
      assert.deepStrictEqual(error.reason, { _tag: "ForeignBacking", path, backing: "/etc/shadow" })
    })
  )

  it.effect("a file that is not there is missing", () =>
    Effect.gen(function* () {
      const path = `${yield* folder}/nothing`
      assert.deepStrictEqual((yield* Effect.flip(inspectDisk({ imageTool, path }))).reason, {
        _tag: "FileMissing",
        path
      })
    })
  )

  it.effect("a qcow2 file that was cut off is found, a whole one passes", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* folder}/disk.qcow2`
      const content = yield* makeQcow({ path, content: rawDisk(4 * mebibyte) })
      yield* checkWhole({ imageTool, path })
      yield* fs.truncate(path, content.length / 2)
      assert.strictEqual((yield* Effect.flip(checkWhole({ imageTool, path }))).reason._tag, "Truncated")
    })
  )

  it.effect("an overlay takes its base's content and leaves it alone; it may be larger, never smaller", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const processes = yield* ChildProcesses
      const directory = yield* folder
      const base = `${directory}/base.qcow2`
      const disk = rawDisk(2 * mebibyte)
      const before = yield* makeQcow({ path: base, content: disk })
      yield* fs.chmod(base, 0o444)
      const make = Effect.fnUntraced(function* (name: string, size?: number) {
        const path = `${directory}/${name}`
        yield* createOverlay({ path, size, base: { path: base, format: "qcow2", virtualSize: 2 * mebibyte } })
        yield* checkWhole({ imageTool, path })
        const raw = `${path}.raw`
        yield* processes.run({ command: imageTool, args: ["convert", "-O", "raw", path, raw], timeoutMs: 60_000 })
        return yield* fs.readFile(raw)
      })
      assert.isTrue(Buffer.from(disk).equals(yield* make("same")))
      assert.strictEqual((yield* make("larger", 3 * mebibyte)).length, 3 * mebibyte)
      assert.strictEqual((yield* make("smaller", mebibyte)).length, 2 * mebibyte)
      assert.isTrue(Buffer.from(before).equals(yield* fs.readFile(base)))
    })
  )

  it.effect("makes an empty disk, in place of an older file", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* folder}/disk.qcow2`
      yield* fs.writeFileString(path, "old")
      yield* createDisk({ path, bytes: 3 * mebibyte + 512 })
      yield* checkWhole({ imageTool, path })
      assert.deepStrictEqual(yield* inspectDisk({ imageTool, path }), {
        format: "qcow2",
        virtualSize: 3 * mebibyte + 512
      })
    })
  )

  it.effect.each([
    { what: "ext4", offset: 1080, bytes: [0x53, 0xef] },
    { what: "xfs", offset: 0, bytes: [0x58, 0x46, 0x53, 0x42] },
    { what: "ISO 9660", offset: 32_769, bytes: [0x43, 0x44, 0x30, 0x30, 0x31] }
  ])("a file system without partitions is a disk: $what", ({ offset, bytes }) =>
    Effect.sync(() => {
      const content = new Uint8Array(64 * 1024)
      content.set(bytes, offset)
      assert.isUndefined(notARawDisk(content))
    })
  )
})
