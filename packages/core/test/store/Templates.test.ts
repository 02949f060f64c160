import { assert, layer } from "@effect/vitest"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import {
  discardTemplate,
  holdDisk,
  lockTemplate,
  lookUpTemplate,
  makeTemplateFolder,
  type Template
} from "@nix-vm-test/core/store/Templates"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { emptyCache, makeSmallTemplate } from "./cacheScene.ts"
import { storeServices } from "./storeAt.ts"

const key = "0123456789abcdef"

const names = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.readDirectory((yield* CacheDirectory).templates)
})

layer(storeServices, { excludeTestServices: true })("templates", (it) => {
  it.effect("are found by their key once they are kept, and nothing but them is left", () =>
    Effect.gen(function* () {
      const { fs, base, cache } = yield* emptyCache
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* lookUpTemplate(key), Option.none())
        const kept = yield* makeSmallTemplate({ key, base })
        assert.deepStrictEqual(yield* lookUpTemplate(key), Option.some(kept))
        assert.deepStrictEqual(yield* names, [key])
        // QEMU opens the memory for writing, also where it is mapped privately; the guest's secrets are in it.
        const modes = yield* Effect.forEach([kept.folder, kept.ram, kept.state, kept.disk], (path) => fs.stat(path))
        assert.deepStrictEqual(
          modes.map(({ mode }) => (mode & 0o777).toString(8)),
          ["700", "600", "444", "444"]
        )
      }).pipe(Effect.provide(cache))
    })
  )

  const faults: Readonly<
    Record<string, (template: Template, base: string) => Effect.Effect<unknown, unknown, FileSystem.FileSystem>>
  > = {
    "whose memory was cut off": ({ ram }) => FileSystem.FileSystem.use((fs) => fs.truncate(ram, 100)),
    "with a byte of its memory written": ({ ram }) =>
      FileSystem.FileSystem.use((fs) =>
        Effect.andThen(Effect.sleep("10 millis"), fs.writeFile(ram, new Uint8Array(4096)))
      ),
    "with another state of the same size": ({ state }) =>
      FileSystem.FileSystem.use((fs) =>
        Effect.andThen(Effect.andThen(Effect.sleep("10 millis"), fs.remove(state)), fs.writeFileString(state, "STATE"))
      ),
    "without its disk": ({ disk }) => FileSystem.FileSystem.use((fs) => fs.remove(disk)),
    "over a base that was made anew": (_template, base) =>
      FileSystem.FileSystem.use((fs) => Effect.andThen(Effect.sleep("10 millis"), fs.writeFileString(base, "BASE"))),
    "whose record is no record": ({ folder }) =>
      FileSystem.FileSystem.use((fs) => fs.writeFileString(`${folder}/template.json`, "{}"))
  }
  for (const [what, damage] of Object.entries(faults)) {
    it.effect(`${what} are thrown away`, () =>
      Effect.gen(function* () {
        const { base, cache } = yield* emptyCache
        yield* Effect.gen(function* () {
          yield* damage(yield* makeSmallTemplate({ key, base }), base)
          assert.deepStrictEqual(yield* lookUpTemplate(key), Option.none())
          assert.deepStrictEqual(yield* names, [])
        }).pipe(Effect.provide(cache))
      })
    )
  }

  it.effect("leave nothing when their making is broken off, and nothing of a maker that was killed", () =>
    Effect.gen(function* () {
      const { fs, cache } = yield* emptyCache
      yield* Effect.gen(function* () {
        const { templates } = yield* CacheDirectory
        yield* fs.makeDirectory(`${templates}/${key}.partial`, { recursive: true })
        yield* fs.writeFileString(`${templates}/${key}.partial/ram.live`, "left by a crash")
        const broken = yield* Effect.exit(
          Effect.scoped(
            Effect.gen(function* () {
              yield* lockTemplate({ key, onWait: () => {} })
              const partial = yield* makeTemplateFolder(key)
              assert.deepStrictEqual(yield* fs.readDirectory(partial.folder), [])
              yield* fs.writeFileString(partial.ram, "half")
              return yield* Effect.fail("broken")
            })
          )
        )
        assert.isTrue(broken._tag === "Failure")
        assert.deepStrictEqual(yield* names, [])
      }).pipe(Effect.provide(cache))
    })
  )

  it.effect("are made by one at a time", () =>
    Effect.gen(function* () {
      const { cache } = yield* emptyCache
      yield* Effect.gen(function* () {
        const done = yield* Deferred.make<void>()
        const order: Array<string> = []
        const maker = (name: string, work: Effect.Effect<void>) =>
          Effect.gen(function* () {
            yield* lockTemplate({ key, onWait: () => order.push(`${name} waits`) })
            order.push(`${name} begins`)
            yield* work
            order.push(`${name} ends`)
          }).pipe(Effect.scoped, Effect.forkChild({ startImmediately: true }))
        const first = yield* maker("first", Deferred.await(done))
        while (order.length === 0) yield* Effect.sleep("5 millis")
        const second = yield* maker("second", Effect.void)
        while (order.length === 1) yield* Effect.sleep("5 millis")
        yield* Deferred.succeed(done, undefined)
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        assert.deepStrictEqual(order, ["first begins", "second waits", "first ends", "second begins", "second ends"])
      }).pipe(Effect.provide(cache))
    })
  )

  it.effect("that are thrown away leave their disk to the machines that hold it", () =>
    Effect.gen(function* () {
      const { fs, root, base, cache } = yield* emptyCache
      yield* Effect.gen(function* () {
        const template = yield* makeSmallTemplate({ key, base })
        const held = `${root}/held`
        yield* holdDisk(template, held)
        yield* discardTemplate(template)
        assert.deepStrictEqual(yield* names, [])
        assert.strictEqual(yield* fs.readFileString(held), "disk")
      }).pipe(Effect.provide(cache))
    })
  )
})
