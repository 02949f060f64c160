/** Shares with a kernel that has neither 9p nor virtiofs: Debian's, kept from loading them, and an image's facts that say so. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, assert, layer } from "@effect/vitest"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { resolveReference } from "@nix-vm-test/distributions/Catalog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Guests } from "../support/Guests.ts"
import { theMachine } from "../support/guestSuite.ts"
import { listTree, makeShareScene, treeListing } from "../support/shareScene.ts"

const scene = makeShareScene()
afterAll(scene.remove)
const written = scene.writable("bare")

const catalog = Layer.succeed(ImageCatalog, {
  names: [],
  resolve: (reference, architecture) =>
    Effect.map(resolveReference(reference, architecture), (image) => ({
      ...image,
      facts: { ...image.facts, ninep: false, virtiofs: false }
    }))
})

const guests = Guests.layer(
  {
    machines: {
      vm: {
        image: "debian:12",
        memory: "512MiB",
        start: "cold",
        boot: { kernelArgs: ["module_blacklist=9p,9pnet,9pnet_virtio,virtiofs"] },
        shares: {
          tree: { source: scene.tree, target: "/mnt/tree", readOnly: true },
          written: { source: written, target: "/mnt/written" }
        }
      }
    }
  },
  { catalog }
)

layer(guests, { excludeTestServices: true, timeout: "10 minutes" })("shares without 9p and virtiofs", (it) => {
  it.effect("come all the same: for reading as an image, for writing as a copy that is written back", () =>
    Effect.gen(function* () {
      const vm = yield* theMachine
      for (const type of ["9p", "virtiofs"]) yield* vm.fail(`modprobe ${type} && mount -t ${type} tree /srv`)
      assert.strictEqual(yield* vm.succeed("findmnt -no FSTYPE /mnt/tree"), "squashfs\n")
      const listing = (yield* vm.succeed(listTree("/mnt/tree"))).split("\0").slice(0, -1)
      assert.deepStrictEqual(listing, treeListing({ links: 2 }))
      yield* vm.succeed("echo of the guest > /mnt/written/changed")
      yield* (yield* Guests).runMachine("vm").bringBack
      assert.strictEqual(fs.readFileSync(path.join(written, "changed"), "utf8"), "of the guest\n")
    })
  )
})
