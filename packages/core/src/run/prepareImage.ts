/**
 * Prepares an image that only cloud-init can bring the agent into: boots it once with a seed that installs the agent, settles the guest, lets it
 * power itself off, and keeps what it wrote as an overlay. Machines are then made from the overlay, without cloud-init.
 */
import { createHash } from "node:crypto"
import { agentUnit } from "@nix-vm-test/agent/AgentUnit"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { MachinePhase } from "../events/Event.ts"
import { EventBus, type EventBusShape } from "../events/EventBus.ts"
import { evidenceOf } from "../machine/evidence.ts"
import type { Incarnation } from "../machine/Incarnation.ts"
import { inIncarnation } from "../machine/MachineContext.ts"
import type { MachineError } from "../machine/MachineError.ts"
import { settle } from "../machine/settleScript.ts"
import { noCloudSeed } from "../plan/entry/noCloudSeed.ts"
import type { HostFacts } from "../plan/HostFacts.ts"
import type { StoredImage } from "../plan/StoredImage.ts"
import { Qemu } from "../qemu/Qemu.ts"
import { keepPrepared, lockPrepared, lookUpPrepared } from "../store/preparedImages.ts"
import { onlyPhases } from "./onlyPhases.ts"
import { planOwnMachine } from "./planOwnMachine.ts"
import { PreparationError } from "./PreparationError.ts"
import { readDeadDisk } from "./readDeadDisk.ts"
import { makeRunMachine, type RunMachine } from "./RunMachine.ts"
import { makeSpeedFactor } from "./SpeedFactor.ts"

export interface PrepareOptions {
  readonly image: StoredImage
  readonly host: HostFacts
  /** Of the one boot, where the test that needs the image gives its boots one. */
  readonly bootLimit?: Duration.Duration | undefined
}

/** The preparation's machine; its name is seen in errors only. */
const machineName = "preparation"

/** What cloud-init still does once the agent answers takes a few seconds under KVM. */
const cloudInitMs = 60_000

/** Leaves each machine to make an id of its own. */
const finish = `
: >/etc/machine-id
sync
`

/** Services have nothing to lose that a test would miss: they are ended and the file systems unmounted, without the order of a whole shutdown. */
const powerOffCommand = "if [ -d /run/systemd/system ]; then systemctl poweroff --force; else poweroff; fi"

const Stage = Schema.Struct({ finished: Schema.NullOr(Schema.Finite), errors: Schema.Array(Schema.String) })

/** cloud-init's `status.json`; the seed has it do all in its first stage. */
const CloudInitStatus = Schema.fromJsonString(Schema.Struct({ v1: Schema.Struct({ "init-local": Stage }) }))
const statusPath = "/run/cloud-init/status.json"
const logPath = "/var/log/cloud-init.log"

/** False where the agent has another way in, or is in the image. */
export const needsPreparation = ({ installedAgent, image }: StoredImage): boolean =>
  !installedAgent && image.facts.entry === "nocloud"

/** Its key in the cache; changes with the image, with what is put into it, and with how. */
export const preparedKey = (image: StoredImage): string => {
  const { facts } = image.image
  const seed = noCloudSeed({ init: facts.init, unit: agentUnit().text })
  const recipe = [image.key, seed, settle(facts), finish, powerOffCommand]
  return `prepared-${createHash("sha256").update(JSON.stringify(recipe)).digest("hex")}`
}

const steps = ["kernel", "userspace", "connected", "settled"] as const satisfies ReadonlyArray<MachinePhase>
/** What goes on once so many steps are over. */
const stepTexts = [
  "starting it once with cloud-init's seed",
  "booting the kernel",
  "booting the user space",
  "settling",
  "waiting for cloud-init",
  "powering off"
] as const

const report = (bus: EventBusShape, image: StoredImage, done: number): void =>
  bus.publishUnsafe({
    _tag: "ImageProgress",
    image: image.image.id,
    activity: "prepare",
    text: `preparing: ${stepTexts[done] ?? ""}`,
    done,
    total: stepTexts.length,
    unit: "steps"
  })

/** Of the preparation's machine only its progress is told. */
const preparationBus = (bus: EventBusShape, image: StoredImage): EventBusShape =>
  onlyPhases(bus, (phase) => {
    const reached = steps.findIndex((step) => step === phase)
    if (reached >= 0) report(bus, image, reached + 1)
  })

const failureOf = (options: PrepareOptions, machine: RunMachine) => ({
  image: options.image.image.id,
  evidence: evidenceOf("console", machine.console.tail(30).join("\n"))
})

/** Waits for the end of the stage that started the agent: an image whose own configuration fails is no ground for tests. */
const awaitCloudInit = Effect.fnUntraced(function* (
  options: PrepareOptions,
  machine: RunMachine,
  incarnation: Incarnation,
  speedFactor: number
) {
  const timeoutMs = cloudInitMs * speedFactor
  const failed = (detail: string, log = "") => {
    const { image, evidence } = failureOf(options, machine)
    const reason = { _tag: "CloudInitFailed", detail } as const
    return new PreparationError({ image, reason, evidence: [...evidenceOf(logPath, log), ...evidence] })
  }
  const access = { name: machineName, console: machine.console }
  const run = (command: string) =>
    Effect.mapError(
      inIncarnation(access, incarnation, (channel) => channel.exec({ command, timeoutMs })),
      (error) => failed(error.message)
    ).pipe(Effect.map(({ stdout }) => new TextDecoder().decode(stdout)))
  const status = Effect.gen(function* () {
    const text = yield* run(`cat ${statusPath}`)
    return yield* Effect.mapError(Schema.decodeEffect(CloudInitStatus)(text), () => failed(`its status is ${text}`))
  })
  const { v1 } = yield* Effect.repeat(status, {
    schedule: Schedule.spaced("300 millis"),
    until: (seen) => seen.v1["init-local"].finished !== null
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeoutMs,
      orElse: () => Effect.fail(failed(`it was not done within ${Math.round(timeoutMs / 1000)} s`))
    })
  )
  const { errors } = v1["init-local"]
  if (errors.length > 0) {
    return yield* failed(errors.join("\n"), yield* run(`tail -n 40 ${logPath}`))
  }
  yield* run(finish)
})

const powerOff = Effect.fnUntraced(function* (options: PrepareOptions, machine: RunMachine, incarnation: Incarnation) {
  const failed = (detail: string) =>
    new PreparationError({ ...failureOf(options, machine), reason: { _tag: "NotPoweredOff", detail } })
  // The guest ends under the call: its answer may come or not.
  yield* Effect.ignore(incarnation.channel.exec({ command: powerOffCommand, strict: false }))
  const death = yield* Effect.flip(incarnation.death).pipe(
    Effect.timeoutOrElse({ duration: "5 minutes", orElse: () => Effect.fail(failed("it still runs")) })
  )
  if (death.reason._tag !== "GuestPoweredOff") return yield* failed(death.message)
  yield* incarnation.ended
})

const notEntered = Effect.fnUntraced(function* (options: PrepareOptions, machine: RunMachine, error: MachineError) {
  const logs = yield* readDeadDisk(machine)
  return yield* new PreparationError({
    image: options.image.image.id,
    reason: { _tag: "NotEntered", detail: error.message },
    evidence: [...logs, ...error.evidence],
    hint: "it needs cloud-init with the NoCloud data source; name its family and version if its agent can come another way"
  })
})

/** Boots the image once; gives the overlay with what it wrote. */
const boot = Effect.fnUntraced(function* (options: PrepareOptions, bus: EventBusShape) {
  const { image, host, bootLimit } = options
  const { machine: plan, limits, runDirectory } = yield* planOwnMachine({ ...options, name: machineName })
  const speed = makeSpeedFactor(host.accelerator)
  const machine = yield* makeRunMachine({
    plan,
    limits: bootLimit === undefined ? limits : { ...limits, boot: { duration: bootLimit, scales: false } },
    speed,
    outputDirectory: runDirectory
  }).pipe(Effect.provideService(EventBus, preparationBus(bus, image)))
  report(bus, image, 0)
  const incarnation = yield* machine.power.running.pipe(Effect.catch((error) => notEntered(options, machine, error)))
  yield* awaitCloudInit(options, machine, incarnation, speed.factor())
  report(bus, image, steps.length + 1)
  yield* powerOff(options, machine, incarnation)
  return plan.disk.overlay
})

const prepare = Effect.fnUntraced(function* (options: PrepareOptions) {
  const { image } = options
  const key = preparedKey(image)
  const bus = yield* EventBus
  yield* lockPrepared({
    key,
    onWait: (owner) =>
      bus.publishUnsafe({
        _tag: "Notice",
        topic: "image",
        text: `process ${owner.pid} is preparing ${image.image.id}: waiting for it`
      })
  })
  const known = yield* lookUpPrepared({ image, key })
  if (Option.isSome(known)) return known.value
  const { imageTool } = yield* Qemu
  const overlay = yield* boot(options, bus)
  const prepared = yield* keepPrepared({ image, key, overlay, imageTool })
  yield* bus.publish({ _tag: "ImageProgress", image: image.image.id, activity: "ready", text: "prepared for tests" })
  return prepared
}, Effect.scoped)

/** The image in the form that machines are made from: as it is, or its prepared form from the cache, which is made if it is not there. */
export const prepareImage = Effect.fn("run.prepareImage")(function* (options: PrepareOptions) {
  const { image } = options
  if (!needsPreparation(image)) return image
  const known = yield* lookUpPrepared({ image, key: preparedKey(image) })
  return Option.isSome(known) ? known.value : yield* prepare(options)
})
