import { createHash } from "node:crypto"
import * as path from "node:path"
import { assert, layer } from "@effect/vitest"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { pinnedPackage } from "@nix-vm-test/core/store/pinnedPackage"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { fileServer, serveWell } from "./FileServer.ts"
import { storeServices } from "./storeAt.ts"

const content = new TextEncoder().encode("!<arch>\ndebian-binary")
const hex = createHash("sha256").update(content).digest("hex")

const setting = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const root = yield* fs.makeTempDirectoryScoped()
  const server = yield* fileServer({ content, paths: { "/pool/a_1%3a2_all.deb": [serveWell] } })
  const obtain = (digest: string) =>
    pinnedPackage({ url: server.url("/pool/a_1%3a2_all.deb"), digest: { algorithm: "sha256", hex: digest } }).pipe(
      Effect.provide(CacheDirectory.layerAt(root))
    )
  return { fs, root, server, obtain }
})

layer(storeServices, { excludeTestServices: true })("pinnedPackage", (it) => {
  it.effect("is downloaded once, and keeps its name", () =>
    Effect.gen(function* () {
      const { fs, root, server, obtain } = yield* setting
      const file = yield* obtain(hex)
      assert.strictEqual(file, path.join(root, "packages", `sha256-${hex}`, "a_1%3a2_all.deb"))
      assert.deepStrictEqual(yield* fs.readFile(file), content)
      assert.strictEqual(yield* obtain(hex), file)
      assert.lengthOf(server.requests, 1)
    })
  )

  it.effect("shows both digests where it is another one", () =>
    Effect.gen(function* () {
      const { obtain } = yield* setting
      const wrong = "0".repeat(64)
      const error = yield* Effect.flip(obtain(wrong))
      assert.strictEqual(error.reason._tag, "DigestMismatch")
      assert.include(error.message, wrong)
      assert.include(error.message, hex)
    })
  )
})
