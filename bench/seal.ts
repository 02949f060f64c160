/** The last step of making a template: from a guest that is ready to files that clones start from. */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Bench } from "./Bench.ts"
import { openSpec } from "./openSpec.ts"

const spec = { machines: { machine: { image: "debian:12", memory: "1GiB", start: "clone" } } } as const

/** A new cache without templates; what else the user's has is that one's. */
const makeCache = Effect.gen(function* () {
  const user = yield* Effect.provide(CacheDirectory, CacheDirectory.layer)
  const root = yield* Effect.acquireRelease(
    // Beside the user's: where files lie says how long it takes to write them.
    Effect.promise(() => fs.mkdtemp(path.join(path.dirname(user.templates), "bench-"))),
    (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
  )
  for (const [name, folder] of Object.entries({ images: user.images, builds: user.builds, probe: user.probe })) {
    yield* Effect.promise(() => fs.symlink(folder, path.join(root, name)))
  }
  return root
})

const blockBytes = 512

/** What the files in a folder take on the disk, bytes. */
const diskUse = async (folder: string): Promise<number> => {
  const names = await fs.readdir(folder)
  const stats = await Promise.all(names.map((name) => fs.stat(path.join(folder, name))))
  return stats.reduce((sum, { blocks }) => sum + blocks * blockBytes, 0)
}

const sealed = (root: string) =>
  Effect.gen(function* () {
    const bus = yield* EventBus
    const events = yield* bus.subscribe
    let began = Number.NaN
    let done = Number.NaN
    yield* Effect.forkScoped(
      Stream.runForEach(events, (event) =>
        Effect.sync(() => {
          if (event._tag !== "ImageProgress") return
          if (event.text.endsWith("sealing it")) began = performance.now()
          if (event.text === "its template is made") done = performance.now()
        })
      ),
      { startImmediately: true }
    )
    const [opened] = yield* openSpec(spec)
    if (opened === undefined) return yield* Effect.die(new Error("the bench has no machine"))
    const memory = yield* opened.machine.succeed("cat /proc/meminfo")
    const kib = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "mu").exec(memory)?.[1])
    const usedBytes = (kib("MemTotal") - kib("MemFree")) * 1024
    const templates = path.join(root, "templates")
    const [key = ""] = yield* Effect.promise(() => fs.readdir(templates))
    const bytes = yield* Effect.promise(() => diskUse(path.join(templates, key)))
    return {
      seconds: (done - began) / 1000,
      diskVsUsed: bytes / usedBytes,
      diskMiB: bytes / 1024 ** 2,
      usedMiB: usedBytes / 1024 ** 2
    }
  })

const measure = Effect.gen(function* () {
  yield* Console.error("booting the template's guest …")
  const root = yield* makeCache
  const cache = ConfigProvider.layer(ConfigProvider.fromEnvRecord({ ...process.env, NIX_VM_TEST_CACHE: root }))
  return yield* Effect.provide(sealed(root), Layer.provide(runServices, cache))
})

export const seal: Bench = {
  name: "seal",
  description:
    "from a guest of 1 GiB that is ready to its template in the cache (seconds), and the template's size on the disk against the memory that the guest uses, page cache included (diskVsUsed, MiB)",
  run: Effect.scoped(measure)
}
