import { assert, describe, it, layer } from "@effect/vitest"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { type CacheEntry, cacheContents } from "@nix-vm-test/core/store/cacheContents"
import { chooseGarbage, collectGarbage } from "@nix-vm-test/core/store/collectGarbage"
import { announceRun } from "@nix-vm-test/core/store/livingRuns"
import { lockTemplate, lookUpTemplate } from "@nix-vm-test/core/store/Templates"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { emptyCache, makeSmallTemplate } from "./cacheScene.ts"
import { storeServices } from "./storeAt.ts"

const mebibyte = 1024 ** 2
const old = new Date("2026-01-01T00:00:00Z")

/** Entries without files; the last part is their age. */
const entry = (
  kind: CacheEntry["kind"],
  name: string,
  daysOld: number,
  more: Partial<CacheEntry> = {}
): CacheEntry => ({
  kind,
  name,
  title: undefined,
  bytes: 100,
  lastUsed: new Date(Date.UTC(2026, 0, 31 - daysOld)),
  inUse: false,
  imported: false,
  paths: [],
  ...more
})

const chosen = (entries: ReadonlyArray<CacheEntry>, maxBytes: number) =>
  chooseGarbage(entries, maxBytes).map(({ name }) => name)

describe("what has to go", () => {
  const entries = [
    entry("image", "image", 30),
    entry("template", "new", 1),
    entry("build", "older", 8),
    entry("prepared", "oldest", 9),
    entry("template", "used", 20, { inUse: true })
  ]

  it("is nothing while all fits", () => {
    assert.deepStrictEqual(chosen(entries, 500), [])
  })

  it("is what was not used for longest, images after all else", () => {
    assert.deepStrictEqual(chosen(entries, 499), ["oldest"])
    assert.deepStrictEqual(chosen(entries, 250), ["oldest", "older", "new"])
    assert.deepStrictEqual(chosen(entries, 150), ["oldest", "older", "new", "image"])
  })

  it("is never what is in use", () => {
    assert.deepStrictEqual(chosen(entries, 0), ["oldest", "older", "new", "image"])
  })
})

/** A cache with two templates, unused for long, and an image. */
const scene = Effect.gen(function* () {
  const { fs, base, cache } = yield* emptyCache
  yield* Effect.gen(function* () {
    const { images, templates } = yield* CacheDirectory
    yield* fs.makeDirectory(images, { recursive: true })
    for (const ending of ["qcow2", "kernel"])
      yield* fs.writeFile(`${images}/sha256-aa.${ending}`, new Uint8Array(mebibyte))
    yield* fs.writeFileString(`${images}/sha256-aa.json`, JSON.stringify({ title: "debian:12" }))
    yield* fs.utimes(`${images}/sha256-aa.json`, old, old)
    for (const key of ["first", "second"]) {
      yield* makeSmallTemplate({ key, base, ramBytes: mebibyte })
      yield* fs.utimes(`${templates}/${key}/template.json`, old, old)
    }
  }).pipe(Effect.provide(cache))
  return { fs, cache }
})

const names = Effect.map(cacheContents(), (entries) => entries.map(({ name }) => name))

layer(storeServices, { excludeTestServices: true })("the cache", (it) => {
  it.effect("lists what it holds, with sizes, last uses, and titles", () =>
    Effect.gen(function* () {
      const { cache } = yield* scene
      yield* Effect.gen(function* () {
        const [image, first, second, ...others] = yield* cacheContents()
        assert.deepStrictEqual(others, [])
        assert.deepInclude(image, { kind: "image", name: "sha256-aa", title: "debian:12", lastUsed: old, inUse: false })
        assert.lengthOf(image?.paths ?? [], 3)
        assert.isAtLeast(image?.bytes ?? 0, 2 * mebibyte)
        assert.deepInclude(first, { kind: "template", title: "small", lastUsed: old, inUse: false })
        assert.isAtLeast(first?.bytes ?? 0, mebibyte)
        assert.sameMembers([first?.name, second?.name], ["first", "second"])
      }).pipe(Effect.provide(cache))
    })
  )

  it.effect("keeps what was used since the oldest living run began", () =>
    Effect.gen(function* () {
      const { cache } = yield* scene
      yield* Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* announceRun
            assert.isTrue(Option.isSome(yield* lookUpTemplate("second")))
            yield* collectGarbage({ maxBytes: 0 })
            assert.deepStrictEqual(yield* names, ["second"])
          })
        )
        yield* collectGarbage({ maxBytes: 0 })
        assert.deepStrictEqual(yield* names, [])
      }).pipe(Effect.provide(cache))
    })
  )

  it.effect("keeps what is being made", () =>
    Effect.gen(function* () {
      const { fs, cache } = yield* scene
      yield* Effect.gen(function* () {
        const { templates } = yield* CacheDirectory
        yield* lockTemplate({ key: "third", onWait: () => {} })
        yield* fs.makeDirectory(`${templates}/third.partial`)
        yield* collectGarbage({ maxBytes: 0 })
        assert.deepStrictEqual(yield* names, ["third"])
      }).pipe(Effect.provide(cache), Effect.scoped)
    })
  )

  it.effect("forgets runs that were killed", () =>
    Effect.gen(function* () {
      const { fs, cache } = yield* scene
      yield* Effect.gen(function* () {
        const { runs } = yield* CacheDirectory
        yield* fs.makeDirectory(runs, { recursive: true })
        const dead = { pid: 1, startTime: "1", bootId: "another boot", pidNamespace: "pid:[1]" }
        yield* fs.writeFileString(`${runs}/dead.json`, JSON.stringify(dead))
        yield* fs.utimes(`${runs}/dead.json`, new Date(0), new Date(0))
        yield* collectGarbage({ maxBytes: 0 })
        assert.deepStrictEqual(yield* names, [])
        assert.deepStrictEqual(yield* fs.readDirectory(runs), [])
      }).pipe(Effect.provide(cache))
    })
  )

  it.effect("cleans up one kind alone", () =>
    Effect.gen(function* () {
      const { fs, cache } = yield* scene
      yield* Effect.gen(function* () {
        const { templates } = yield* CacheDirectory
        yield* fs.utimes(`${templates}/second/template.json`, new Date(), new Date())
        const { removed } = yield* collectGarbage({ kinds: ["template"], maxBytes: 1.5 * mebibyte })
        assert.deepStrictEqual(
          removed.map(({ name }) => name),
          ["first"]
        )
        assert.deepStrictEqual(yield* names, ["sha256-aa", "second"])
      }).pipe(Effect.provide(cache))
    })
  )
})
