/** The one boot by which cloud-init brings the agent into an image, against a boot of the same image that nobody touches. */
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import type { Event } from "@nix-vm-test/core/events/Event"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { regExpMatcher } from "@nix-vm-test/core/guest/TextMatcher"
import { openMachines } from "@nix-vm-test/core/run/openMachines"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import type { TestSpecInput } from "@nix-vm-test/core/spec/TestSpec"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { resolveReference } from "@nix-vm-test/distributions/Catalog"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Bench } from "./Bench.ts"

/** With the entry `installed` QEMU is told nothing and gives nothing to the guest. */
const entries = { "bench:prepared": "nocloud", "bench:untouched": "installed" } as const
const names = Object.keys(entries)

/** A cloud image as its publisher would have it, built here: its download is no matter of this bench. */
const catalog = Layer.succeed(ImageCatalog, {
  names,
  resolve: (reference, architecture) =>
    Effect.map(resolveReference({ _tag: "Named", name: "debian:12" }, architecture), (image) => {
      const id = reference._tag === "Named" && reference.name === names[0] ? "bench:prepared" : "bench:untouched"
      const facts = { ...image.facts, entry: entries[id] }
      return { ...image, id, facts, sources: [{ _tag: "Packages", recipe: "debian-12-stock" }] } as const
    })
})

const ticksPerSecond = 100

/** CPU time of this process's children that have ended, and of theirs, seconds: `cutime` and `cstime` of proc(5). */
const childrenSeconds = Effect.promise(async () => {
  const stat = await fs.readFile("/proc/self/stat", "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond
})

const cpuSecondsOf = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const before = yield* childrenSeconds
  yield* effect
  return (yield* childrenSeconds) - before
})

const open = Effect.fnUntraced(function* (machine: TestSpecInput["machines"][string]) {
  const spec = { machines: { machine: { start: "cold" as const, memory: "1GiB", ...machine } } }
  const { machines } = yield* openMachines({
    spec: yield* Effect.fromResult(decodeSpec({ spec, origin: "the bench" })),
    baseDirectory: os.tmpdir()
  })
  const [opened] = machines
  return opened === undefined ? yield* Effect.die(new Error("the bench has no machine")) : opened
})

/** Boots until the console asks for a login; then QEMU ends with the Scope. */
const bootUntouched = Effect.gen(function* () {
  const { power, console } = yield* open({ image: "bench:untouched" })
  yield* Effect.forkScoped(power.start)
  yield* console.waitForText(regExpMatcher(/login: /u))
}).pipe(Effect.scoped)

const prepareSteps = (events: ReadonlyArray<Event>): number =>
  events.filter((event) => event._tag === "ImageProgress" && event.activity === "prepare").length

const measure = Effect.gen(function* () {
  const { prepared } = yield* CacheDirectory
  const events: Array<Event> = []
  const stream = yield* (yield* EventBus).subscribe
  yield* Effect.forkScoped(Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))))
  yield* Console.error("building the image, if it is not there …")
  yield* Effect.scoped(open({ image: "bench:untouched" }))
  yield* Console.error("booting it untouched …")
  const bootCpuSeconds = yield* cpuSecondsOf(bootUntouched)
  yield* Console.error("preparing it …")
  const prepareCpuSeconds = yield* cpuSecondsOf(Effect.scoped(open({ image: "bench:prepared" })))
  const kept = yield* Effect.promise(() => fs.readdir(prepared))
  const files = yield* Effect.promise(() => Promise.all(kept.map((name) => fs.stat(path.join(prepared, name)))))
  const stepsBefore = prepareSteps(events)
  const shares = { bench: { source: os.tmpdir(), target: "/mnt/bench" } }
  yield* Effect.scoped(open({ image: "bench:prepared", diskSize: "+1GiB", shares }))
  return {
    vsBoot: prepareCpuSeconds / bootCpuSeconds,
    preparedAgain: prepareSteps(events) - stepsBefore,
    addedMiB: files.reduce((sum, { blocks }) => sum + blocks * 512, 0) / 1024 ** 2,
    bootCpuSeconds,
    prepareCpuSeconds
  }
}).pipe(Effect.scoped)

/** A cache without prepared images, with the user's images. */
const ownCache = Effect.gen(function* () {
  const user = yield* Effect.provide(CacheDirectory, CacheDirectory.layer)
  const root = yield* Effect.acquireRelease(
    Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nvt-bench-"))),
    (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
  )
  for (const shared of [user.images, user.builds, user.probe]) {
    yield* Effect.promise(async () => {
      await fs.mkdir(shared, { recursive: true })
      await fs.symlink(shared, path.join(root, path.basename(shared)))
    })
  }
  return root
})

const services = Layer.unwrap(
  Effect.map(ownCache, (root) => {
    const environment = ConfigProvider.fromEnvRecord({ ...process.env, NIX_VM_TEST_CACHE: root })
    return Layer.provideMerge(catalog, Layer.provide(runServices, ConfigProvider.layer(environment)))
  })
)

export const prepare: Bench = {
  name: "prepare",
  description:
    "CPU time of an image's preparation boot to its power-off against that of a boot to the login prompt (vsBoot; seconds of QEMU and its helpers), how many steps of it a second test with another disk and a share does (preparedAgain), what it adds on the disk (addedMiB)",
  run: measure.pipe(Effect.provide(services))
}
