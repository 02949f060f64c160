import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { afterAll, assert, layer } from "@effect/vitest"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import type { ShareContent } from "@nix-vm-test/core/plan/SharePlan"
import { writeShareImage } from "@nix-vm-test/core/store/shareImage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { makeShareScene } from "../support/shareScene.ts"

const scene = makeShareScene()
afterAll(scene.remove)

const folder = path.dirname(scene.tree)
const tool = "mksquashfs"

/** Names in the root of the image of some content. */
const namesIn = Effect.fnUntraced(function* (content: ShareContent) {
  const image = path.join(folder, "image")
  yield* writeShareImage({ content, tool, path: image })
  const listing = execFileSync("unsquashfs", ["-l", "-d", "", "-max-depth", "1", image], { encoding: "utf8" })
  return listing.split("\n").flatMap((line) => (line.startsWith("/") && line !== "/" ? [line.slice(1)] : []))
})

layer(Layer.mergeAll(ChildProcesses.layer, NodeServices.layer))("writeShareImage", (it) => {
  it.effect("holds what a folder holds, also where a link leads to it, in place of an older image", () =>
    Effect.gen(function* () {
      const link = path.join(folder, "link to the store")
      fs.symlinkSync(scene.store, link)
      const names = fs.readdirSync(scene.store)
      assert.sameMembers(yield* namesIn({ folder: scene.store }), names)
      assert.sameMembers(yield* namesIn({ folder: link }), names)
    })
  )

  it.effect("holds a closure's paths only, be it one", () =>
    Effect.gen(function* () {
      const all = { closureInfo: [scene.closureInfo, scene.closureInfo], storeDir: scene.store }
      assert.sameMembers(
        yield* namesIn(all),
        scene.closure.map((each) => path.basename(each))
      )
      const single = path.join(folder, "single")
      fs.mkdirSync(single)
      fs.writeFileSync(path.join(single, "store-paths"), `${scene.outsider}\n`)
      assert.deepStrictEqual(yield* namesIn({ closureInfo: [single], storeDir: scene.store }), [
        path.basename(scene.outsider)
      ])
    })
  )

  it.effect("fails with the tool's own words", () =>
    Effect.gen(function* () {
      const image = path.join(folder, "no such folder", "image")
      const error = yield* Effect.flip(writeShareImage({ content: { folder: scene.tree }, tool, path: image }))
      assert.include(error.message, image)
      const missing = yield* Effect.flip(
        writeShareImage({
          content: { folder: scene.tree },
          tool: "/nowhere/mksquashfs",
          path: path.join(folder, "image")
        })
      )
      assert.include(missing.message, "/nowhere/mksquashfs")
    })
  )
})
