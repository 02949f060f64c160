/**
 * Makes a template: boots a machine like the planned one but without anything of the test, lets it finish its boot, and seals it.
 *
 * Done on first use, by one process while others wait.
 */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { MachinePhase } from "../events/Event.ts"
import { EventBus, type EventBusShape } from "../events/EventBus.ts"
import * as Console from "../guest/Console.ts"
import { ChildProcesses } from "../host/ChildProcesses.ts"
import { freeSpace } from "../host/freeSpace.ts"
import type { Incarnation } from "../machine/Incarnation.ts"
import { incarnate } from "../machine/Incarnation.ts"
import type { GuestAccess } from "../machine/GuestAccess.ts"
import { settleGuest } from "../machine/setUpGuest.ts"
import { newHostKeyScript } from "../machine/sshHostKey.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import { sealArguments } from "../plan/templateArguments.ts"
import { saveState } from "../qemu/savedState.ts"
import { CacheDirectory } from "../store/CacheDirectory.ts"
import { collectGarbage } from "../store/collectGarbage.ts"
import type { ImageError } from "../store/ImageError.ts"
import { createOverlay } from "../store/Qcow.ts"
import type { Template } from "../store/Templates.ts"
import { keepTemplate, lockTemplate, lookUpTemplate, makeTemplateFolder } from "../store/Templates.ts"
import { writeSeedDisk } from "../store/seedDisk.ts"
import { onlyPhases } from "./onlyPhases.ts"
import { TemplateError } from "./TemplateError.ts"
import { templatesLimit } from "./templatesLimit.ts"

export interface MakeTemplateOptions {
  readonly plan: MachinePlan
  readonly key: string
  readonly bootMs: number
  readonly speedFactor: number
}

/**
 * Waits for the end of the boot, whatever its verdict (a failed unit is the image's own matter), and for udev, which may work on beyond it; takes
 * away the host keys but for one, which clones write theirs over; loads what clones' shares need, so that none of them pays for it; then writes all to the disk.
 */
const settleDown = (): string => `
if command -v systemctl >/dev/null; then systemctl is-system-running --wait >/dev/null 2>&1 || :; fi
if command -v udevadm >/dev/null; then udevadm settle || :; fi
for module in 9p 9pnet_virtio virtiofs squashfs; do modprobe -q "$module" || :; done
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
${newHostKeyScript()}sync
`

const phases = [
  "firmware",
  "kernel",
  "userspace",
  "connected",
  "settled"
] as const satisfies ReadonlyArray<MachinePhase>
/** What goes on once so many phases are over. */
const steps = [
  "starting it",
  "booting the kernel",
  "booting the user space",
  "waiting for the agent",
  "settling",
  "waiting for the end of its boot",
  "sealing it"
] as const

/** The template's machine is none of the test's: it is told of as what becomes of the image. */
const report = (bus: EventBusShape, plan: MachinePlan, done: number): void =>
  bus.publishUnsafe({
    _tag: "ImageProgress",
    image: plan.image.id,
    activity: "prepare",
    text: `making a template, once for machines like ${plan.name}: ${steps[done] ?? ""}`,
    done,
    total: steps.length,
    unit: "steps"
  })

const templateBus = (bus: EventBusShape, plan: MachinePlan): EventBusShape =>
  onlyPhases(bus, (reached) => {
    const position = phases.findIndex((phase) => phase === reached)
    if (position >= 0) report(bus, plan, position + 1)
  })

/** A machine of the template's own: paths in the template's folder, nothing of the test. */
const templatePlan = (plan: MachinePlan, disk: string): MachinePlan => {
  const own = (text: string): string => text.replaceAll(plan.disk.overlay, disk)
  const base = plan.devices.base.map(own)
  return {
    ...plan,
    disk: { ...plan.disk, overlay: disk, bytes: plan.disk.image.virtualSize, grows: false },
    shares: [],
    nics: [],
    extraDisks: [],
    devices: { base, test: [] },
    argv: base
  }
}

const failed = (step: string) => (error: { readonly message: string }) =>
  new TemplateError({ step, detail: error.message })

/** The store's own words are about images. */
const cacheRefused = (step: string) => (error: ImageError) =>
  failed(step)(error.reason._tag === "ReadOnlyCache" ? { message: `${error.reason.path} can't be written` } : error)

/** Stops the guest at rest, and saves what is not in the RAM file. */
const seal = Effect.fnUntraced(function* (incarnation: Incarnation, template: Template, socket: string) {
  const { qmp } = incarnation.process
  yield* incarnation.channel.ping().pipe(Effect.mapError(failed("asking the agent for a sign of life")))
  yield* qmp.execute("stop").pipe(Effect.mapError(failed("stopping the guest")))
  yield* saveState({ qmp, file: template.state, socket }).pipe(Effect.mapError(failed("saving the guest's state")))
  yield* incarnation.expectEnd
  yield* incarnation.process.stop({ acpi: false })
})

/** Pages of zeros take no room. Where the file system has no holes the template is larger, and as good. */
const digHoles = Effect.fnUntraced(function* (file: string) {
  const processes = yield* ChildProcesses
  yield* Effect.ignore(processes.run({ command: "fallocate", args: ["--dig-holes", file], timeoutMs: 60_000 }))
})

const boot = Effect.fnUntraced(function* (options: MakeTemplateOptions, partial: Template) {
  const bus = yield* EventBus
  const plan = templatePlan(options.plan, partial.disk)
  const access: GuestAccess = { name: plan.name, console: Console.make() }
  const { image } = plan.disk
  yield* createOverlay({ base: image, path: partial.disk, size: image.virtualSize }).pipe(
    Effect.mapError(failed("making its disk"))
  )
  if (plan.entry.strategy === "nocloud") {
    yield* writeSeedDisk(plan.entry).pipe(Effect.mapError(failed("making its seed disk")))
  }
  const incarnation = yield* incarnate({
    access,
    plan: { ...plan, argv: sealArguments(plan, partial.ram) },
    bus: templateBus(bus, plan),
    speedFactor: options.speedFactor
  }).pipe(Effect.mapError(failed("starting the guest")))
  const ready = Effect.gen(function* () {
    yield* incarnation.channel.session.pipe(Effect.mapError(failed("waiting for the agent")))
    yield* settleGuest({ access, plan, incarnation, firstBoot: true, reached: incarnation.reached }).pipe(
      Effect.mapError(failed("settling the guest"))
    )
    yield* incarnation.reached("settled")
    yield* incarnation.channel
      .exec({ command: settleDown(), strict: false, timeoutMs: options.bootMs })
      .pipe(Effect.mapError(failed("waiting for the end of its boot")))
  })
  const death = incarnation.death.pipe(Effect.mapError(failed("booting the guest")))
  // A channel that closes is only the symptom of a guest that ends.
  const orDeath = Effect.catch((error: TemplateError) =>
    Effect.timeoutOrElse(death, { duration: "2 seconds", orElse: () => Effect.fail(error) })
  )
  yield* Effect.raceFirst(orDeath(ready), death).pipe(
    Effect.timeoutOrElse({
      duration: options.bootMs,
      orElse: () =>
        Effect.fail(failed("booting the guest")({ message: `it was not done within ${options.bootMs / 1000} s` }))
    })
  )
  report(bus, plan, steps.length - 1)
  yield* seal(incarnation, partial, path.join(path.dirname(plan.sockets.qmp), `${path.basename(plan.sockets.qmp)}.out`))
  yield* digHoles(partial.ram)
})

/** A guest whose memory lies in a file dies when the file can't grow any more: better seen before its boot than in it. */
const checkRoom = Effect.fnUntraced(function* (plan: MachinePlan) {
  const { templates } = yield* CacheDirectory
  const free = Option.getOrElse(yield* freeSpace(templates), () => Infinity)
  if (free >= plan.memoryBytes) return
  const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)} MiB`
  return yield* new TemplateError({
    step: "making it",
    detail: `${templates} has room for ${mebibytes(free)}, the machine's memory may need ${mebibytes(plan.memoryBytes)}`
  })
})

/** For people: what machines the template is for. */
export const templateTitle = (plan: MachinePlan): string =>
  `${plan.image.id}, ${plan.memoryBytes / 1024 ** 2} MiB, ${plan.cpus} CPU, ${plan.accelerator}`

/** The template of this key from the cache, made if it is not there. */
export const makeTemplate = Effect.fn("run.makeTemplate")(function* (options: MakeTemplateOptions) {
  const known = yield* lookUpTemplate(options.key)
  if (Option.isSome(known)) return known.value
  const bus = yield* EventBus
  const { plan } = options
  yield* lockTemplate({
    key: options.key,
    onWait: ({ pid }) => {
      // Another machine of the same test says already that it makes it.
      if (pid === process.pid) return
      bus.publishUnsafe({
        _tag: "Notice",
        topic: "image",
        machine: plan.name,
        text: `process ${pid} is making the template: waiting for it`
      })
    }
  }).pipe(Effect.mapError(cacheRefused("locking it")))
  const made = yield* lookUpTemplate(options.key)
  if (Option.isSome(made)) return made.value
  const maxBytes = yield* templatesLimit
  yield* checkRoom(plan)
  report(bus, plan, 0)
  const partial = yield* makeTemplateFolder(options.key).pipe(Effect.mapError(cacheRefused("making its folder")))
  yield* Effect.scoped(boot(options, partial))
  const kept = yield* keepTemplate(partial, { title: templateTitle(plan), base: plan.disk.image.path }).pipe(
    Effect.mapError(failed("keeping it"))
  )
  yield* bus.publish({ _tag: "ImageProgress", image: plan.image.id, activity: "ready", text: "its template is made" })
  yield* collectGarbage({ kinds: ["template"], maxBytes })
  return kept
}, Effect.scoped)
