import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { ownIdentity } from "@nix-vm-test/core/host/ProcessIdentity"
import { makeRunDirectory, OwnerFile, ownerFileName } from "@nix-vm-test/core/host/RunDirectory"

const withEnvironment = (env: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(env))

layer(NodeFileSystem.layer, { excludeTestServices: true })("RunDirectory", (it) => {
  it.effect("is private, names its owner, and goes with its Scope", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const root = yield* fs.makeTempDirectoryScoped()
      const scope = yield* Scope.make()
      const path = yield* makeRunDirectory().pipe(Scope.provide(scope), withEnvironment({ TMPDIR: `${root}/` }))
      assert.match(path, new RegExp(`^${root}/nvt-\\w{6}$`, "u"))
      assert.strictEqual((yield* fs.stat(path)).mode & 0o777, 0o700)
      const owner = yield* Schema.decodeEffect(OwnerFile)(yield* fs.readFileString(`${path}/${ownerFileName}`))
      assert.deepStrictEqual(owner, yield* ownIdentity)
      yield* fs.writeFileString(`${path}/more`, "")
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(yield* fs.exists(path))
    })
  )
  it.effect("a root that does not exist is passed over", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const root = yield* fs.makeTempDirectoryScoped()
      const path = yield* makeRunDirectory().pipe(withEnvironment({ TMPDIR: `${root}/missing` }))
      assert.match(path, /^\/tmp\/nvt-\w{6}$/u)
    })
  )
  it.effect("a root too long for the paths of sockets is passed over", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const root = `${yield* fs.makeTempDirectoryScoped()}/${"x".repeat(60)}`
      yield* fs.makeDirectory(root)
      const path = yield* makeRunDirectory().pipe(withEnvironment({ TMPDIR: root }))
      assert.match(path, /^\/tmp\/nvt-\w{6}$/u)
      assert.deepStrictEqual(yield* fs.readDirectory(root), [])
    })
  )
})
