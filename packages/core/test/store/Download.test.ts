import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { download, type DownloadProgress } from "@nix-vm-test/core/store/Download"
import type { ImageErrorReason } from "@nix-vm-test/core/store/ImageError"
import {
  answer,
  type Behaviour,
  cutAfter,
  fileServer,
  ignoreRange,
  serveWell,
  serveWrongBytes,
  stallAfter
} from "./FileServer.ts"
import { storeServices } from "./storeAt.ts"
import { digestOf, rawDisk } from "./testDisk.ts"

const size = 300_000
const content = rawDisk(size)

const inFolder = Effect.map(
  FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped()),
  (folder) => ({ folder, target: `${folder}/disk` })
)

/** Downloads from these paths of one server, and gives what it and the folder saw. */
const run = Effect.fnUntraced(function* (options: {
  readonly paths: Readonly<Record<string, ReadonlyArray<Behaviour>>>
  readonly from?: ReadonlyArray<string>
  readonly before?: Uint8Array
  readonly algorithm?: "sha256" | "sha512"
}) {
  const fs = yield* FileSystem.FileSystem
  const { folder, target } = yield* inFolder
  const server = yield* fileServer({ content, paths: options.paths })
  if (options.before !== undefined) yield* fs.writeFile(`${target}.partial`, options.before)
  const progress: Array<DownloadProgress> = []
  const urls = (options.from ?? Object.keys(options.paths)).map(server.url)
  const failure = yield* download({
    urls,
    digest: digestOf(content, options.algorithm),
    target,
    stallTimeoutMs: 400,
    onProgress: (step) => void progress.push(step)
  }).pipe(
    Effect.as(undefined),
    Effect.catch((error) => Effect.succeed<ImageErrorReason>(error.reason))
  )
  const files = (yield* fs.readDirectory(folder)).toSorted()
  const same = files.includes("disk") && Buffer.from(content).equals(yield* fs.readFile(target))
  return { failure, files, same, progress, requests: server.requests, urls, target }
})

layer(storeServices, { excludeTestServices: true })("download", (it) => {
  it.effect.each([{ algorithm: "sha256" }, { algorithm: "sha512" }] as const)(
    "gives the file, verified by $algorithm, read-only",
    ({ algorithm }) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const seen = yield* run({ paths: { "/disk": [serveWell] }, algorithm })
        assert.deepStrictEqual([seen.failure, seen.files, seen.same], [undefined, ["disk"], true])
        assert.strictEqual((yield* fs.stat(seen.target)).mode & 0o777, 0o444)
        assert.deepInclude(seen.progress.at(-1), { doneBytes: size, totalBytes: size })
      })
  )

  it.effect("goes on where connections were cut, as long as each gave something", () =>
    Effect.gen(function* () {
      const seen = yield* run({
        paths: { "/disk": [cutAfter(100_000), cutAfter(100_000), cutAfter(50_000), serveWell] }
      })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
      assert.deepStrictEqual(seen.requests, ["/disk", "/disk from 100000", "/disk from 200000", "/disk from 250000"])
    })
  )

  it.effect("begins again with a server that ignores ranges", () =>
    Effect.gen(function* () {
      const seen = yield* run({ paths: { "/disk": [cutAfter(100_000), ignoreRange] } })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
    })
  )

  it.effect("goes on with what an earlier run left, at another mirror too", () =>
    Effect.gen(function* () {
      const seen = yield* run({
        before: content.subarray(0, 123_456),
        paths: { "/gone": [answer(404)], "/mirror": [serveWell] }
      })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
      assert.deepStrictEqual(seen.requests, ["/gone from 123456", "/mirror from 123456"])
    })
  )

  it.effect("needs no byte when an earlier run left all of them", () =>
    Effect.gen(function* () {
      const seen = yield* run({ before: content, paths: { "/disk": [serveWell] } })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
    })
  )

  it.effect("fetches once more from the beginning when an earlier run left wrong bytes", () =>
    Effect.gen(function* () {
      const seen = yield* run({ before: new Uint8Array(1_000), paths: { "/disk": [serveWell] } })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
      assert.deepStrictEqual(seen.requests, ["/disk from 1000", "/disk"])
    })
  )

  it.effect("fetches once more from the beginning when the file changed between two pieces", () =>
    Effect.gen(function* () {
      const older: Behaviour = (exchange) => cutAfter(100_000)({ ...exchange, content: rawDisk(size) })
      const seen = yield* run({ paths: { "/disk": [older, serveWell] } })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
      assert.deepStrictEqual(seen.requests, ["/disk", "/disk from 100000", "/disk"])
    })
  )

  it.effect("follows a redirect", () =>
    Effect.gen(function* () {
      const seen = yield* run({
        from: ["/moved"],
        paths: { "/moved": [answer(302, { location: "/disk" })], "/disk": [serveWell] }
      })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
    })
  )

  it.effect("leaves a server that stalls for the next one, with what it gave", () =>
    Effect.gen(function* () {
      const seen = yield* run({ paths: { "/slow": [stallAfter(60_000), stallAfter(0)], "/mirror": [serveWell] } })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
      assert.strictEqual(seen.requests.at(-1), "/mirror from 60000")
    })
  )

  it.effect("gives up a server that never sends anything new, and keeps what is here for the next run", () =>
    Effect.gen(function* () {
      const seen = yield* run({ paths: { "/disk": [cutAfter(10_000), cutAfter(0)] } })
      assert.strictEqual(seen.failure?._tag, "DownloadFailed")
      assert.deepStrictEqual(seen.files, ["disk.partial"])
      assert.deepStrictEqual(seen.requests, ["/disk", ...Array.from({ length: 3 }, () => "/disk from 10000")])
    })
  )

  it.effect("says of every URL why it failed", () =>
    Effect.gen(function* () {
      const seen = yield* run({ paths: { "/gone": [answer(404)], "/broken": [answer(503)] } })
      assert.deepStrictEqual(seen.failure, {
        _tag: "DownloadFailed",
        attempts: [
          { url: seen.urls[0] ?? "", why: "HTTP status 404" },
          { url: seen.urls[1] ?? "", why: "HTTP status 503" }
        ]
      })
    })
  )

  it.effect("names the system's own reason for a server that is not there", () =>
    Effect.gen(function* () {
      const { target } = yield* inFolder
      const error = yield* Effect.flip(
        download({ urls: ["http://127.0.0.1:1/disk"], digest: digestOf(content), target })
      )
      assert.match(error.message, /ECONNREFUSED|bad port/u)
    })
  )

  it.effect("keeps wrong bytes aside, and never under the file's name", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const seen = yield* run({ paths: { "/disk": [serveWrongBytes] } })
      const wrong = content.map((byte) => byte ^ 0xff)
      assert.deepStrictEqual(seen.failure, {
        _tag: "DigestMismatch",
        url: seen.urls[0] ?? "",
        expected: `sha256:${digestOf(content).hex}`,
        actual: `sha256:${digestOf(wrong).hex}`,
        keptAt: `${seen.target}.rejected`
      })
      assert.deepStrictEqual(seen.files, ["disk.rejected"])
      assert.isTrue(Buffer.from(wrong).equals(yield* fs.readFile(`${seen.target}.rejected`)))
    })
  )

  it.effect("takes a good mirror after one with wrong bytes", () =>
    Effect.gen(function* () {
      const seen = yield* run({ paths: { "/bad": [serveWrongBytes], "/good": [serveWell] } })
      assert.deepStrictEqual([seen.failure, seen.same], [undefined, true])
    })
  )
})
