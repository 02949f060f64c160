import { assert, describe, it } from "@effect/vitest"
import { Image, type ImageFacts } from "@nix-vm-test/core/spec/Image"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { catalogLayer } from "@nix-vm-test/distributions/Catalog"
import { catalogNames } from "@nix-vm-test/distributions/releaseNamed"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const named = (name: string, architecture: "x86_64" | "aarch64" = "x86_64") =>
  Effect.provide(
    ImageCatalog.use((catalog) => catalog.resolve({ _tag: "Named", name }, architecture)),
    catalogLayer
  )

const tags = (image: Image) => image.sources.map((source) => source._tag)

const versionsOf = (family: string) => catalogNames.filter((name) => name.startsWith(`${family}:`))

const releaseFacts: ReadonlyArray<{ readonly name: string; readonly facts: Partial<ImageFacts> }> = [
  { name: "debian:11", facts: { entry: "nocloud", networkManager: "ifupdown", ninep: false } },
  { name: "debian:12", facts: { entry: "tmpfiles", networkManager: "netplan", ninep: true } },
  { name: "debian:13", facts: { entry: "credential", systemd: 257 } },
  { name: "ubuntu:22.04", facts: { entry: "nocloud", packageManager: "apt" } },
  { name: "ubuntu:24.10", facts: { entry: "credential", ninep: false } },
  { name: "fedora:41", facts: { rootFilesystem: "btrfs", selinux: "enforcing", ninep: false } },
  { name: "rocky:9.0", facts: { entry: "nocloud", systemd: 250, cpuLevel: 2 } },
  { name: "rocky:10", facts: { entry: "credential", cpuLevel: 3, ninep: false, virtiofs: true } },
  { name: "oraclelinux:9", facts: { lvm: true, rootFilesystem: "xfs" } },
  { name: "alpine:3.24", facts: { init: "openrc", entry: "nocloud", slowUnits: [] } }
]

describe("catalog", () => {
  it.effect.each(catalogNames)("%s is an image", (name) =>
    Effect.gen(function* () {
      const image = yield* named(name)
      assert.strictEqual(image.id, name)
      assert.strictEqual(image.architecture, "x86_64")
      yield* Schema.encodeEffect(Image)(image)
    })
  )

  it.effect("the other architecture is another file, or not there", () =>
    Effect.gen(function* () {
      const others = yield* Effect.forEach(catalogNames, (name) => Effect.result(named(name, "aarch64")))
      const missing = others.flatMap((result) => (result._tag === "Failure" ? [result.failure.reason] : []))
      assert.deepStrictEqual(missing, [
        { _tag: "NoSuchArchitecture", reference: "opensuse:16.0", architecture: "aarch64" }
      ])
    })
  )

  it.effect("what can be built here has that as its second source", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(tags(yield* named("debian:12")), ["Pinned", "Packages"])
      assert.deepStrictEqual(tags(yield* named("debian:12", "aarch64")), ["Pinned"])
      assert.deepStrictEqual(tags(yield* named("debian:11")), ["Pinned"])
    })
  )

  it.effect.each(releaseFacts)("$name: a release's facts come before its distribution's", ({ name, facts }) =>
    Effect.gen(function* () {
      assert.deepInclude((yield* named(name)).facts, facts)
    })
  )

  it.effect("an image's own facts come before its release's", () =>
    Effect.gen(function* () {
      assert.isTrue((yield* named("oraclelinux:9.8")).facts.lvm)
      assert.isFalse((yield* named("oraclelinux:9.8", "aarch64")).facts.lvm)
    })
  )

  it.effect.each([
    { name: "debian:bookworm", same: "debian:12" },
    { name: "debian", same: "debian:13" },
    { name: "ubuntu:24_04", same: "ubuntu:24.04" },
    { name: "ubuntu:Noble", same: "ubuntu:24.04" },
    { name: "rocky:9", same: "rocky:9.8" },
    { name: "almalinux:8", same: "almalinux:8.10" },
    { name: "opensuse", same: "opensuse:16.0" },
    { name: "arch", same: "arch:rolling" }
  ])("$name is $same", ({ name, same }) =>
    Effect.gen(function* () {
      const image = yield* named(name)
      assert.deepStrictEqual(image, yield* named(same))
      assert.strictEqual(image.id, same)
    })
  )

  it.effect("the end of a release's life goes with its image", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* named("ubuntu:22.10")).endOfLife, "2023-07-20")
      assert.notProperty(yield* named("arch"), "endOfLife")
    })
  )

  it.effect.each([
    { name: "debain:12", suggestions: ["debian:12"] },
    { name: "debain:bookworm", suggestions: ["debian:12"] },
    { name: "alma:9", suggestions: ["almalinux:9.8"] },
    { name: "debian:bokworm", suggestions: ["debian:bookworm"] },
    { name: "debian:99", suggestions: ["debian:11", "debian:12", "debian:13"] },
    { name: "debain", suggestions: versionsOf("debian") },
    { name: "ubuntu:24", suggestions: ["ubuntu:24.04", "ubuntu:24.10"] },
    { name: "ubuntu:24.05", suggestions: ["ubuntu:24.04", "ubuntu:24.10"] },
    { name: "ubuntu:toString", suggestions: versionsOf("ubuntu") },
    { name: "opensuse:tumblewed", suggestions: ["opensuse:tumbleweed"] },
    { name: "plan9:4", suggestions: [] }
  ])("$name is unknown; meant was perhaps $suggestions", ({ name, suggestions }) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(named(name))
      assert.deepStrictEqual(error.reason, { _tag: "UnknownImage", reference: name, suggestions, known: catalogNames })
      for (const word of suggestions) assert.include(error.message, word)
    })
  )

  it.effect("where nothing is close, the distributions are named", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(named("plan9:4"))
      assert.include(message, "debian, ubuntu, fedora, rocky")
      assert.notInclude(message, "rocky:9.4")
    })
  )
})
