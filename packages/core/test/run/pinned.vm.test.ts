import * as fs from "node:fs/promises"
import { assert, describe, layer } from "@effect/vitest"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { resolveReference } from "@nix-vm-test/distributions/Catalog"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { cutAfter, fileServer, serveWell } from "../store/FileServer.ts"
import { digestOf, imageOf } from "../store/testDisk.ts"
import { Guests } from "../support/Guests.ts"
import { makeOwnCache } from "../support/ownCache.ts"
import { checkSettled } from "./checkSettled.ts"

const mebibyte = 1024 ** 2

/** The requests that the image's servers got. */
class Requests extends Context.Service<Requests, ReadonlyArray<string>>()("test/Requests") {}

/** The bytes of a stock image, as a publisher would have them. */
const stockImage = Effect.gen(function* () {
  const store = yield* ImageStore
  const { path } = yield* store.materialize(imageOf({ _tag: "Packages", recipe: "debian-12-stock" }))
  return new Uint8Array(yield* Effect.promise(() => fs.readFile(path)))
}).pipe(Effect.provide(runServices))

/** The real catalog, with a mirror before the others that has lost the file. */
const withDeadMirror = (url: string): Layer.Layer<ImageCatalog> =>
  Layer.succeed(ImageCatalog, {
    names: [],
    resolve: (reference, architecture) =>
      Effect.map(resolveReference(reference, architecture), (image) => {
        const [source] = image.sources
        return source._tag === "Pinned"
          ? { ...image, sources: [{ ...source, urls: [url, ...source.urls] }] as const }
          : image
      })
  })

const downloaded = Layer.unwrap(
  Effect.gen(function* () {
    const content = yield* stockImage
    const server = yield* fileServer({ content, paths: { "/debian-12.qcow2": [cutAfter(30 * mebibyte), serveWell] } })
    const image = {
      url: server.url("/debian-12.qcow2"),
      sha256: digestOf(content).hex,
      family: "debian",
      version: "12"
    }
    const guests = Guests.layer(
      { machines: { vm: { image, memory: "768MiB", start: "cold" } } },
      { catalog: withDeadMirror(server.url("/gone")), cache: yield* makeOwnCache(["probe"]) }
    )
    return Layer.merge(guests, Layer.succeed(Requests, server.requests))
  })
)

const unreachable = Layer.unwrap(
  Effect.gen(function* () {
    const urls = ["https://cloud.debian.invalid/debian-12.qcow2"] as const
    const image = imageOf(
      { _tag: "Pinned", urls, digest: digestOf(new Uint8Array()) },
      { _tag: "Packages", recipe: "debian-12-stock" }
    )
    return Guests.layer(
      { machines: { vm: { image: "debian:12" } } },
      {
        start: false,
        catalog: Layer.succeed(ImageCatalog, {
          names: [],
          resolve: () => Effect.succeed({ ...image, id: "debian:12" })
        }),
        cache: yield* makeOwnCache(["probe", "rootfs"])
      }
    )
  })
)

describe("a published image", () => {
  layer(downloaded, { excludeTestServices: true, timeout: "10 minutes" })("from servers that misbehave", (it) => {
    it.effect("is downloaded and verified", () =>
      Effect.gen(function* () {
        const { events } = yield* Guests
        const [gone, first, second, ...others] = yield* Requests
        assert.deepStrictEqual([gone, first, others], ["/gone", "/debian-12.qcow2", []])
        assert.match(second ?? "", /^\/debian-12\.qcow2 from \d+$/u)
        const last = events()
          .filter((event) => event._tag === "ImageProgress")
          .findLast(({ activity }) => activity === "download")
        assert.strictEqual(last?.done, last?.total)
      })
    )

    it.effect("boots by its own GRUB; the agent enters it by tmpfiles and settles it", () =>
      Effect.gen(function* () {
        const { machine, runMachine } = yield* Guests
        const { boot, entry } = runMachine("vm").plan
        assert.deepStrictEqual([boot, entry.strategy], ["disk", "tmpfiles"])
        assert.match(yield* machine("vm").succeed("cat /etc/debian_version"), /^12\./u)
        yield* checkSettled(runMachine("vm"))
      })
    )

    it.effect("has the agent again after a reboot", () =>
      Effect.gen(function* () {
        const vm = (yield* Guests).runMachine("vm")
        yield* vm.machine.reboot()
        yield* checkSettled(vm)
      })
    )
  })

  layer(unreachable, { excludeTestServices: true, timeout: "10 minutes" })("whose host can't be reached", (it) => {
    it.effect("is built from packages, and a line says why", () =>
      Effect.gen(function* () {
        const { events } = yield* Guests
        const notices = events().flatMap((event) =>
          event._tag === "Notice" && event.topic === "image" ? [event.text] : []
        )
        assert.lengthOf(notices, 1)
        assert.match(
          notices[0] ?? "",
          /^debian:12 can't be downloaded \(cloud\.debian\.invalid: .+\); building it from Debian's packages$/u
        )
        const planned = events().find((event) => event._tag === "MachinePlanned")
        assert.deepInclude(planned, { image: "debian:12" })
      })
    )
  })
})
