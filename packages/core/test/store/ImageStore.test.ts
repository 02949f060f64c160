import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import type { Image } from "@nix-vm-test/core/spec/Image"
import { ImageErrorReason } from "@nix-vm-test/core/store/ImageError"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import type { ImageReport } from "@nix-vm-test/core/store/source/SourceRequest"
import { answer, type Behaviour, fileServer, serveWell, serveWrongBytes } from "./FileServer.ts"
import { runNode } from "./runNode.ts"
import { storeAt, storeServices } from "./storeAt.ts"
import { digestOf, imageOf, makeQcow, rawDisk } from "./testDisk.ts"

const mebibyte = 1024 ** 2

/** A folder, a qcow2 file in it, a server of that file, and a cache. */
const scene = Effect.fnUntraced(function* (paths: Readonly<Record<string, ReadonlyArray<Behaviour>>>) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  const file = `${folder}/disk.qcow2`
  const content = yield* makeQcow({ path: file, content: rawDisk(2 * mebibyte) })
  const server = yield* fileServer({ content, paths })
  const pinned = (path: string) => ({ _tag: "Pinned", urls: [server.url(path)], digest: digestOf(content) }) as const
  const cache = `${folder}/cache`
  const reports: Array<ImageReport> = []
  const materialize = (image: Image) =>
    Effect.provide(
      ImageStore.use((store) => store.materialize(image, (report) => void reports.push(report))),
      storeAt(cache)
    )
  return {
    fs,
    folder,
    file,
    content,
    cache,
    server,
    pinned,
    reports,
    materialize,
    key: `sha256-${digestOf(content).hex}`
  }
})

const Outcome = Schema.fromJsonString(
  Schema.Struct({
    path: Schema.optionalKey(Schema.String),
    reason: Schema.optionalKey(ImageErrorReason),
    message: Schema.optionalKey(Schema.String)
  })
)

/** The same in a process of its own. */
const materializeApart = Effect.fnUntraced(function* (options: {
  readonly cache: string
  readonly image: Image
  readonly mounts?: string
}) {
  const script = new URL("./children/materialize.ts", import.meta.url)
  const outcome = yield* runNode({
    script,
    args: [options.cache, JSON.stringify(options.image)],
    mounts: options.mounts
  })
  assert.strictEqual(outcome.code, 0, outcome.stderr)
  return yield* Schema.decodeEffect(Outcome)(outcome.stdout)
})

layer(storeServices, { excludeTestServices: true })("ImageStore", (it) => {
  it.effect("downloads once, keeps the disk by its digest, read-only, and asks nobody the second time", () =>
    Effect.gen(function* () {
      const at = yield* scene({ "/disk": [serveWell] })
      const image = imageOf(at.pinned("/disk"))
      const stored = yield* at.materialize(image)
      assert.deepStrictEqual(stored, {
        image,
        path: `${at.cache}/images/${at.key}.qcow2`,
        format: "qcow2",
        virtualSize: 2 * mebibyte,
        key: at.key,
        installedAgent: false
      })
      assert.strictEqual((yield* at.fs.stat(stored.path)).mode & 0o777, 0o444)
      assert.deepStrictEqual(yield* at.materialize(image), stored)
      assert.deepStrictEqual(at.server.requests, ["/disk"])
      const last = at.reports
        .filter((report) => report._tag === "ImageProgress" && report.activity === "download")
        .at(-1)
      assert.deepInclude(last, { done: at.content.length, total: at.content.length, unit: "bytes" })
    })
  )

  it.effect("falls back to the next source, and says why", () =>
    Effect.gen(function* () {
      const at = yield* scene({ "/gone": [answer(404)], "/disk": [serveWell] })
      const stored = yield* at.materialize(imageOf(at.pinned("/gone"), at.pinned("/disk")))
      assert.strictEqual(stored.key, at.key)
      const notices = at.reports.flatMap((report) => (report._tag === "Notice" ? [report.text] : []))
      assert.strictEqual(notices.length, 1)
      assert.include(notices[0], "HTTP status 404")
    })
  )

  it.effect("names every source when none is left", () =>
    Effect.gen(function* () {
      const at = yield* scene({})
      const file = `${at.folder}/nothing`
      const error = yield* Effect.flip(at.materialize(imageOf(at.pinned("/gone"), { _tag: "File", path: file })))
      assert.strictEqual(error.reason._tag, "NoSourceLeft")
      assert.include(error.message, "HTTP status 404")
      assert.include(error.message, file)
    })
  )

  it.effect("wrong bytes are an error, though another source could be had", () =>
    Effect.gen(function* () {
      const at = yield* scene({ "/disk": [serveWrongBytes] })
      const error = yield* Effect.flip(at.materialize(imageOf(at.pinned("/disk"), { _tag: "File", path: at.file })))
      assert.strictEqual(error.reason._tag, "DigestMismatch")
      assert.deepStrictEqual(yield* at.fs.readDirectory(`${at.cache}/images`), [`${at.key}.qcow2.rejected`])
    })
  )

  it.effect("a file of the right digest that is no disk is not kept", () =>
    Effect.gen(function* () {
      const at = yield* scene({})
      const page = new TextEncoder().encode("<html>".padEnd(2_048))
      const server = yield* fileServer({ content: page, paths: { "/disk": [serveWell] } })
      const source = { _tag: "Pinned", urls: [server.url("/disk")], digest: digestOf(page) } as const
      const error = yield* Effect.flip(at.materialize(imageOf(source)))
      assert.strictEqual(error.reason._tag, "NotADisk")
      assert.deepStrictEqual(yield* at.fs.readDirectory(`${at.cache}/images`), [])
    })
  )

  it.effect("a disk that changed its size behind the cache's back is got again", () =>
    Effect.gen(function* () {
      const at = yield* scene({ "/disk": [serveWell] })
      const image = imageOf(at.pinned("/disk"))
      const { path } = yield* at.materialize(image)
      yield* at.fs.remove(path)
      assert.strictEqual((yield* at.materialize(image)).path, path)
      assert.isTrue(Buffer.from(at.content).equals(yield* at.fs.readFile(path)))
    })
  )

  it.effect("a user's own file is used where it lies, under a key that changes with it", () =>
    Effect.gen(function* () {
      const at = yield* scene({})
      const image = imageOf({ _tag: "File", path: at.file })
      const first = yield* at.materialize(image)
      assert.deepInclude(first, { path: at.file, format: "qcow2", virtualSize: 2 * mebibyte })
      assert.strictEqual((yield* at.materialize(image)).key, first.key)
      yield* makeQcow({ path: at.file, content: rawDisk(3 * mebibyte) })
      const second = yield* at.materialize(image)
      assert.strictEqual(second.virtualSize, 3 * mebibyte)
      assert.notStrictEqual(second.key, first.key)
    })
  )

  it.effect("a user's own file that was cut off is refused", () =>
    Effect.gen(function* () {
      const at = yield* scene({})
      yield* at.fs.truncate(at.file, at.content.length / 2)
      const error = yield* Effect.flip(at.materialize(imageOf({ _tag: "File", path: at.file })))
      assert.strictEqual(error.reason._tag, "Truncated")
    })
  )

  it.effect("two processes that want the same image download it once", () =>
    Effect.gen(function* () {
      const slowly: Behaviour = (exchange) => void setTimeout(() => serveWell(exchange), 1_000)
      const at = yield* scene({ "/disk": [slowly] })
      const apart = materializeApart({ cache: at.cache, image: imageOf(at.pinned("/disk")) })
      const [one, other] = yield* Effect.all([apart, apart], { concurrency: "unbounded" })
      assert.deepStrictEqual(one, { path: `${at.cache}/images/${at.key}.qcow2` })
      assert.deepStrictEqual(other, one)
      assert.deepStrictEqual(at.server.requests, ["/disk"])
    })
  )

  it.effect("a full disk is told with what is missing", () =>
    Effect.gen(function* () {
      const at = yield* scene({ "/disk": [serveWell] })
      yield* at.fs.makeDirectory(at.cache)
      const mounts = `mount -t tmpfs -o size=1m tmpfs ${at.cache}`
      const { reason, message } = yield* materializeApart({
        cache: at.cache,
        image: imageOf(at.pinned("/disk")),
        mounts
      })
      assert.strictEqual(reason?._tag, "NoSpace")
      assert.match(message ?? "", /more are needed.*NIX_VM_TEST_CACHE/u)
    })
  )

  it.effect("a read-only cache gives what it has, and says so of what it has not", () =>
    Effect.gen(function* () {
      const at = yield* scene({ "/disk": [serveWell] })
      const image = imageOf(at.pinned("/disk"))
      yield* at.fs.makeDirectory(at.cache)
      const mounts = `mount --bind ${at.cache} ${at.cache}\nmount -o remount,ro,bind ${at.cache}`
      const before = yield* materializeApart({ cache: at.cache, image, mounts })
      assert.strictEqual(before.reason?._tag, "ReadOnlyCache")
      const { path } = yield* at.materialize(image)
      assert.deepStrictEqual(yield* materializeApart({ cache: at.cache, image, mounts }), { path })
      const own = yield* materializeApart({ cache: at.cache, image: imageOf({ _tag: "File", path: at.file }), mounts })
      assert.deepStrictEqual(own, { path: at.file })
    })
  )

  it.effect("a recipe that does not exist names those that do", () =>
    Effect.gen(function* () {
      const at = yield* scene({})
      const error = yield* Effect.flip(at.materialize(imageOf({ _tag: "Packages", recipe: "debian-3" })))
      assert.strictEqual(error.reason._tag, "UnknownRecipe")
      assert.include(error.message, "debian-12")
    })
  )
})
