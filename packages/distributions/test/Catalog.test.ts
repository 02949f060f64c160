import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Image } from "@nix-vm-test/core/spec/Image"
import { recipes } from "@nix-vm-test/core/store/builder/Recipe"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { catalogLayer, catalogNames } from "@nix-vm-test/distributions/Catalog"
import { debian } from "@nix-vm-test/distributions/debian"

const named = (name: string, architecture: "x86_64" | "aarch64" = "x86_64") =>
  Effect.provide(
    ImageCatalog.use((catalog) => catalog.resolve({ _tag: "Named", name }, architecture)),
    catalogLayer
  )

const tags = (image: Image) => image.sources.map((source) => source._tag)

describe("catalog", () => {
  it.effect.each(catalogNames)("%s is an image for both architectures", (name) =>
    Effect.gen(function* () {
      for (const architecture of ["x86_64", "aarch64"] as const) {
        const image = yield* named(name, architecture)
        assert.strictEqual(image.id, name)
        assert.strictEqual(image.architecture, architecture)
        yield* Schema.encodeEffect(Image)(image)
      }
    })
  )

  it.effect("what can be built here has that as its second source, with a recipe that exists", () =>
    Effect.gen(function* () {
      const names = new Set(recipes.map(({ name }) => name))
      const images = yield* Effect.forEach(catalogNames, (name) => named(name))
      const sources = images.flatMap((image) => image.sources)
      const built = sources.flatMap((source) => (source._tag === "Packages" ? [source.recipe] : []))
      assert.deepStrictEqual(built, ["debian-12", "debian-13"])
      assert.isTrue(built.every((recipe) => names.has(recipe)))
      assert.deepStrictEqual(tags(yield* named("debian:12", "aarch64")), ["Pinned"])
      assert.deepStrictEqual(tags(yield* named("debian:11")), ["Pinned"])
    })
  )

  it.effect("how the agent enters follows the release's systemd", () =>
    Effect.gen(function* () {
      const entries = yield* Effect.forEach(["debian:11", "debian:12", "debian:13"], (name) => named(name))
      assert.deepStrictEqual(
        entries.map((image) => image.facts.entry),
        ["nocloud", "tmpfiles", "credential"]
      )
    })
  )

  it.effect("a codename is as good as a number, and no version is the newest", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* named("debian:bookworm"), debian("12"))
      assert.deepStrictEqual(yield* named("debian"), debian("13"))
    })
  )

  it.effect.each([
    { name: "debain:12", suggestions: ["debian:12"] },
    { name: "debian:bokworm", suggestions: ["debian:bookworm"] },
    { name: "debian:99", suggestions: ["debian:11", "debian:12", "debian:13"] },
    { name: "plan9:4", suggestions: [] }
  ])("$name is unknown; meant was perhaps $suggestions", ({ name, suggestions }) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(named(name))
      assert.deepStrictEqual(error.reason, { _tag: "UnknownImage", reference: name, suggestions, known: catalogNames })
      for (const word of suggestions.length > 0 ? suggestions : catalogNames) assert.include(error.message, word)
    })
  )

  const digest = { algorithm: "sha256", hex: "ab".repeat(32) } as const

  it.effect(
    "a user's file gets the facts of the family in its name, or of the one that is named, or those of any cloud image",
    () =>
      Effect.gen(function* () {
        const catalog = yield* ImageCatalog
        const plain = yield* catalog.resolve({ _tag: "File", path: "/images/mine.raw" }, "x86_64")
        assert.deepInclude(plain, { id: "mine.raw", family: "generic", version: "", format: "raw" })
        assert.deepStrictEqual(plain.sources, [{ _tag: "File", path: "/images/mine.raw" }])
        assert.strictEqual(plain.facts.entry, "nocloud")
        const guessed = yield* catalog.resolve(
          { _tag: "File", path: "/images/debian-12-generic-amd64.qcow2" },
          "x86_64"
        )
        assert.deepStrictEqual([guessed.family, guessed.version, guessed.facts], ["debian", "12", debian("12").facts])
        const told = yield* catalog.resolve(
          { _tag: "File", path: "/images/mine.qcow2", family: "debian", version: "13" },
          "x86_64"
        )
        assert.deepStrictEqual(told.facts, debian("13").facts)
      }).pipe(Effect.provide(catalogLayer))
  )

  it.effect("a user's URL is pinned by its digest", () =>
    Effect.gen(function* () {
      const url = "https://images.test/debian-13.qcow2"
      const image = yield* ImageCatalog.use((catalog) => catalog.resolve({ _tag: "Url", url, digest }, "aarch64"))
      assert.deepStrictEqual(image.sources, [{ _tag: "Pinned", urls: [url], digest }])
      assert.deepInclude(image, {
        id: url.slice(url.lastIndexOf("/") + 1),
        family: "debian",
        version: "13",
        architecture: "aarch64"
      })
    }).pipe(Effect.provide(catalogLayer))
  )
})
