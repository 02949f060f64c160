import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import type { Event } from "@nix-vm-test/core/events/Event"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { templateIdentity, templateKey } from "@nix-vm-test/core/plan/templateArguments"
import type { TemplateIdentity } from "@nix-vm-test/core/plan/TemplateIdentity"
import { chooseTemplates } from "@nix-vm-test/core/run/TemplateChoice"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { contentKey } from "@nix-vm-test/core/store/contentKey"
import type { ShippedTemplate } from "@nix-vm-test/core/store/ShippedTemplate"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { plan, storedImage } from "../plan/examples.ts"
import { digestOf } from "../store/testDisk.ts"

const here = { qemuBuildId: "qemu-1", agentDigest: "agent-1", hostCpu: "cpu-1" }
const image = storedImage({ key: `sha256-${"1".repeat(64)}` })

const { machines } = Result.getOrThrow(
  plan({
    image,
    spec: {
      machines: {
        cold: { image: "debian:12", start: "cold" },
        large: { image: "debian:12", memory: "2GiB" },
        must: { image: "debian:12", start: "clone" },
        small: { image: "debian:12" }
      }
    }
  })
)

const identityOf = (name: string): TemplateIdentity => {
  const found = machines.find((machine) => machine.name === name)
  if (found === undefined) throw new Error(`no machine ${name}`)
  return templateIdentity({ ...here, plan: found })
}

const shipped = (folder: string, identity: TemplateIdentity): ShippedTemplate => {
  const file = { bytes: 1, sha256: "" }
  const files = { "ram.zst": file, state: file, "disk.qcow2": file }
  return { folder, key: folder, manifest: { format: 1, title: "title", qemu: "1", memoryBytes: 1, identity, files } }
}

/** The choices as keys, and what was said. */
const choose = (given: ReadonlyArray<ShippedTemplate>) =>
  Effect.gen(function* () {
    const bus = yield* EventBus
    const events = yield* bus.subscribe
    const choices = yield* chooseTemplates({ machines, host: here, given })
    yield* bus.publish({ _tag: "Notice", topic: "image", text: "end" })
    const told: Array<Event> = []
    yield* events.pipe(
      Stream.takeUntil((event) => event._tag === "Notice" && event.text === "end"),
      Stream.runForEach((event) => Effect.sync(() => told.push(event)))
    )
    return {
      keys: Object.fromEntries([...choices].map(([name, { key }]) => [name, key])),
      told: told.flatMap((event) => (event._tag === "Notice" && event.text !== "end" ? [event.text] : []))
    }
  }).pipe(Effect.scoped)

const own = (name: string): string => templateKey(identityOf(name))

const cache = Layer.unwrap(
  Effect.map(
    FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped()),
    (root) => CacheDirectory.layerAt(root)
  )
)

const services = Layer.mergeAll(EventBus.layer, cache).pipe(Layer.provideMerge(NodeServices.layer))

layer(services, { excludeTestServices: true })("the template of a machine", (it) => {
  it.effect("is the cache's own where none was given, and none where it is to boot", () =>
    Effect.gen(function* () {
      const { keys, told } = yield* choose([])
      assert.deepStrictEqual(keys, { large: own("large"), must: own("must"), small: own("small") })
      assert.deepStrictEqual(told, [])
    })
  )

  it.effect("is the one that was given for such machines; others go on with their own", () =>
    Effect.gen(function* () {
      const { keys, told } = yield* choose([shipped("given", identityOf("small"))])
      assert.deepStrictEqual(keys, { large: own("large"), must: "given", small: "given" })
      assert.deepStrictEqual(told, [])
    })
  )

  it.effect("is none where the one that was meant for it does not fit, and its own where it must be a clone", () =>
    Effect.gen(function* () {
      const { keys, told } = yield* choose([shipped("given", { ...identityOf("small"), qemuBuildId: "qemu-2" })])
      assert.deepStrictEqual(keys, { large: own("large"), must: own("must") })
      assert.deepStrictEqual(told, [
        "not used: the template given does not fit: it was made by another QEMU",
        "booting, since the template given does not fit: it was made by another QEMU"
      ])
    })
  )

  it.effect("is another that fits, where the first does not", () =>
    Effect.gen(function* () {
      const misfit = shipped("misfit", { ...identityOf("small"), agentDigest: "agent-2" })
      const { keys, told } = yield* choose([misfit, shipped("given", identityOf("small"))])
      assert.strictEqual(keys["small"], "given")
      assert.deepStrictEqual(told, [])
    })
  )

  it.effect("is not one of another image, which is told", () =>
    Effect.gen(function* () {
      const { keys, told } = yield* choose([shipped("given", { ...identityOf("small"), image: "sha256-2" })])
      assert.strictEqual(keys["small"], own("small"))
      assert.match(told.join(), /^the template given is of no use here: no machine that may be a clone is title$/u)
    })
  )

  it.effect("knows a user's own image by its content, which is read again only when its key is another", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/disk.raw`
      const keyOf = (key: string) => contentKey({ ...image, path, key })
      const write = (text: string) => fs.writeFileString(path, text)
      const digest = (text: string) => `sha256-${digestOf(Buffer.from(text)).hex}`
      yield* write("one")
      assert.strictEqual(yield* keyOf("file-1"), digest("one"))
      yield* write("two")
      assert.strictEqual(yield* keyOf("file-1"), digest("one"))
      assert.strictEqual(yield* keyOf("file-2"), digest("two"))
      assert.strictEqual(yield* contentKey(image), image.key)
    })
  )
})
