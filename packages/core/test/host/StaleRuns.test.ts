import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { ownIdentity } from "@nix-vm-test/core/host/ProcessIdentity"
import { OwnerFile, ownerFileName } from "@nix-vm-test/core/host/RunDirectory"
import { removeStaleRuns } from "@nix-vm-test/core/host/StaleRuns"
import { nodeChild } from "./nodeChild.ts"

const holder = (root: string) =>
  nodeChild({ script: new URL("./children/holdRunDirectory.ts", import.meta.url), env: { TMPDIR: root } })

const sweep = (root: string) =>
  Effect.provideService(
    removeStaleRuns,
    ConfigProvider.ConfigProvider,
    ConfigProvider.fromEnvRecord({ TMPDIR: root })
  ).pipe(Effect.map((removed) => removed.filter((path) => path.startsWith(root))))

layer(NodeFileSystem.layer, { excludeTestServices: true })("StaleRuns", (it) => {
  it.effect("a live driver's directory stays; after its kill it goes", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const root = yield* fs.makeTempDirectoryScoped()
      const [live, killed] = [yield* holder(root), yield* holder(root)]
      assert.deepStrictEqual(yield* sweep(root), [])
      yield* killed.kill
      assert.isTrue(yield* fs.exists(killed.line))
      assert.deepStrictEqual(yield* sweep(root), [killed.line])
      assert.isFalse(yield* fs.exists(killed.line))
      assert.isTrue(yield* fs.exists(`${live.line}/${ownerFileName}`))
    })
  )
  it.effect("a directory of another boot goes, one of another pid namespace stays", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const root = yield* fs.makeTempDirectoryScoped()
      const own = yield* ownIdentity
      const plant = Effect.fnUntraced(function* (name: string, owner: typeof OwnerFile.Type) {
        yield* fs.makeDirectory(`${root}/${name}`)
        yield* fs.writeFileString(`${root}/${name}/${ownerFileName}`, yield* Schema.encodeEffect(OwnerFile)(owner))
      })
      yield* plant("nvt-before", { ...own, bootId: "an earlier one" })
      yield* plant("nvt-inside", { ...own, pid: 999_999_999, pidNamespace: "pid:[1]" })
      yield* plant("nvt-build-1", { ...own, bootId: "an earlier one" })
      assert.deepStrictEqual(yield* sweep(root), [`${root}/nvt-before`])
    })
  )
  it.effect("a directory without an owner stays, however old", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const root = yield* fs.makeTempDirectoryScoped()
      const yearAgo = new Date(Date.now() - 365 * 86_400_000)
      yield* fs.makeDirectory(`${root}/nvt-owners`)
      yield* fs.makeDirectory(`${root}/nvt-broken`)
      yield* fs.writeFileString(`${root}/nvt-broken/${ownerFileName}`, '{"pid":1')
      yield* fs.utimes(`${root}/nvt-owners`, yearAgo, yearAgo)
      assert.deepStrictEqual(yield* sweep(root), [])
      assert.deepStrictEqual((yield* fs.readDirectory(root)).toSorted(), ["nvt-broken", "nvt-owners"])
    })
  )
  it.effect("links and files of such a name are not followed or removed", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const root = yield* fs.makeTempDirectoryScoped()
      const target = yield* fs.makeTempDirectoryScoped()
      const own = yield* ownIdentity
      yield* fs.writeFileString(
        `${target}/${ownerFileName}`,
        yield* Schema.encodeEffect(OwnerFile)({ ...own, bootId: "an earlier one" })
      )
      yield* fs.symlink(target, `${root}/nvt-linked`)
      yield* fs.writeFileString(`${root}/nvt-thefil`, "")
      assert.deepStrictEqual(yield* sweep(root), [])
      assert.isTrue(yield* fs.exists(`${target}/${ownerFileName}`))
    })
  )
})
