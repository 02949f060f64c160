import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { checkPaths } from "@nix-vm-test/core/run/checkPaths"
import * as Effect from "effect/Effect"
import { makeShareScene } from "../support/shareScene.ts"

const scene = makeShareScene()
afterAll(scene.remove)

const closure = (info: string, storeDir = scene.store) => ({
  path: info,
  namedBy: "machines.vm.extraPathsToRegister",
  kind: "closure" as const,
  storeDir
})

const complaints = (paths: Parameters<typeof checkPaths>[0]) =>
  Effect.map(Effect.flip(checkPaths(paths)), ({ message }) => message.split("\n"))

describe("checkPaths", () => {
  it.effect("accepts what is there", () =>
    checkPaths([
      { path: scene.tree, namedBy: "machines.vm.shares.a", kind: "directory" },
      { path: path.join(scene.tree, "file"), namedBy: 'machines.vm.files["/a"]', kind: "any" },
      closure(scene.closureInfo)
    ])
  )

  it.effect("names all that is missing, each with the part of the spec that wants it", () =>
    Effect.gen(function* () {
      const file = path.join(scene.tree, "file")
      assert.deepStrictEqual(
        yield* complaints([
          { path: "/nowhere/a", namedBy: "machines.vm.shares.a", kind: "directory" },
          { path: file, namedBy: "machines.vm.shares.b", kind: "directory" },
          { path: "/nowhere/c", namedBy: "script", kind: "any" }
        ]),
        [
          "machines.vm.shares.a: /nowhere/a does not exist",
          `machines.vm.shares.b: ${file} is no folder`,
          "script: /nowhere/c does not exist"
        ]
      )
    })
  )

  it.effect("says what is no closure, and what one lacks", () =>
    Effect.gen(function* () {
      const incomplete = path.join(path.dirname(scene.tree), "incomplete")
      fs.mkdirSync(incomplete)
      fs.writeFileSync(path.join(incomplete, "store-paths"), `${scene.store}/gone\n/etc/hostname\n`)
      fs.writeFileSync(path.join(incomplete, "registration"), "")
      const [noClosure = "", ...lacking] = yield* complaints([closure(scene.tree), closure(incomplete)])
      assert.include(noClosure, "store-paths on the host (ENOENT); it must be the result of closureInfo")
      assert.deepStrictEqual(lacking, [
        `machines.vm.extraPathsToRegister: ${scene.store}/gone does not exist`,
        `machines.vm.extraPathsToRegister: /etc/hostname does not lie in ${scene.store}`
      ])
    })
  )
})
