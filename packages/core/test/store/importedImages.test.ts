import { assert, layer } from "@effect/vitest"
import type { Architecture } from "@nix-vm-test/core/spec/Image"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { ImageError } from "@nix-vm-test/core/store/ImageError"
import { importedImages, importImage } from "@nix-vm-test/core/store/importedImages"
import { withImportedImages } from "@nix-vm-test/core/store/withImportedImages"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { imageTool, storeServices } from "./storeAt.ts"
import { digestOf, imageOf, makeQcow, rawDisk } from "./testDisk.ts"

const mebibyte = 1024 ** 2

/** A registry that knows one name, and of files what it is told of them. */
const registry = Layer.succeed(ImageCatalog, {
  names: ["test:1"],
  resolve: (reference) => {
    const image = imageOf({ _tag: "File", path: "/somewhere" })
    if (reference._tag === "File") return Effect.succeed({ ...image, family: reference.family ?? "generic" })
    return reference._tag === "Named" && reference.name === "test:1"
      ? Effect.succeed(image)
      : Effect.fail(
          new ImageError({ reason: { _tag: "UnknownImage", reference: "it", suggestions: [], known: ["test:1"] } })
        )
  }
})

const scene = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  const origin = `${folder}/own.qcow2`
  const content = yield* makeQcow({ path: origin, content: rawDisk(2 * mebibyte) })
  const cache = CacheDirectory.layerAt(`${folder}/cache`)
  const put = (name: string, family?: string) =>
    importImage({
      image: { name, architecture: "x86_64", origin, ...(family === undefined ? {} : { family }) },
      imageTool
    }).pipe(Effect.provide(cache))
  const resolve = (name: string, architecture: Architecture = "x86_64") =>
    ImageCatalog.use((catalog) => catalog.resolve({ _tag: "Named", name }, architecture)).pipe(
      Effect.provide(Layer.provide(withImportedImages, [registry, cache]))
    )
  return { fs, folder, origin, content, cache, put, resolve }
})

layer(storeServices, { excludeTestServices: true })("imported images", (it) => {
  it.effect("are found by their names, with the facts of their family, behind the registry's own", () =>
    Effect.gen(function* () {
      const at = yield* scene
      yield* at.put("own:1", "rocky")
      yield* at.put("test:1")
      assert.deepInclude(yield* at.resolve("own:1"), {
        id: "own:1",
        family: "rocky",
        sources: [{ _tag: "Imported", digest: digestOf(at.content), origin: at.origin }]
      })
      assert.deepStrictEqual((yield* at.resolve("test:1")).sources[0]._tag, "File")
    })
  )

  it.effect("are for one architecture", () =>
    Effect.gen(function* () {
      const at = yield* scene
      yield* at.put("own:1")
      const error = yield* Effect.flip(at.resolve("own:1", "aarch64"))
      assert.strictEqual(error.reason._tag, "NoSuchArchitecture")
    })
  )

  it.effect("that nobody imported are as unknown as the registry says", () =>
    Effect.gen(function* () {
      const at = yield* scene
      for (const name of ["own:2", "../images/escape"]) {
        assert.strictEqual((yield* Effect.flip(at.resolve(name))).reason._tag, "UnknownImage")
      }
    })
  )

  it.effect("are suggested when their names are misspelt", () =>
    Effect.gen(function* () {
      const at = yield* scene
      yield* at.put("company:1")
      assert.include((yield* Effect.flip(at.resolve("comapny:1"))).message, 'did you mean "company:1"?')
    })
  )

  it.effect("get the new disk when they are imported again", () =>
    Effect.gen(function* () {
      const at = yield* scene
      const first = yield* at.put("own:1")
      yield* makeQcow({ path: at.origin, content: rawDisk(mebibyte) })
      const second = yield* at.put("own:1")
      assert.notStrictEqual(second.path, first.path)
      const all = yield* Effect.provide(importedImages, at.cache)
      assert.deepStrictEqual(all, [second.image])
    })
  )

  it.effect("whose file is not there leave nothing", () =>
    Effect.gen(function* () {
      const at = yield* scene
      const error = yield* Effect.flip(
        importImage({
          image: { name: "own:1", architecture: "x86_64", origin: `${at.folder}/missing` },
          imageTool
        }).pipe(Effect.provide(at.cache))
      )
      assert.strictEqual(error.reason._tag, "FileMissing")
      assert.deepStrictEqual(yield* at.fs.readDirectory(`${at.folder}/cache/images`), [])
    })
  )
})
