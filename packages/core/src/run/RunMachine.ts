/** One machine of a run: its plan brought to life, with everything that watches it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type * as FileSystem from "effect/FileSystem"
import { EventBus } from "../events/EventBus.ts"
import * as Console from "../guest/Console.ts"
import type { ChildProcesses } from "../host/ChildProcesses.ts"
import type { UnixSockets } from "../host/UnixSocket.ts"
import { makeCheckpoints } from "../machine/checkpoints.ts"
import { bootTimes } from "../machine/guestScripts.ts"
import { giveHostName } from "../machine/hostName.ts"
import type { Incarnation } from "../machine/Incarnation.ts"
import { incarnate } from "../machine/Incarnation.ts"
import { joinNetworks } from "../machine/joinNetworks.ts"
import type { Machine } from "../machine/Machine.ts"
import { makeMachine } from "../machine/Machine.ts"
import type { GuestAccess } from "../machine/GuestAccess.ts"
import type { MachineContext } from "../machine/MachineContext.ts"
import { MachineError } from "../machine/MachineError.ts"
import type { MachinePower } from "../machine/MachinePower.ts"
import { makeMachinePower } from "../machine/MachinePower.ts"
import { forwardPortOf } from "../machine/ports.ts"
import { bringShareBack, isWritableCopy } from "../machine/shareCopies.ts"
import { setUpGuest } from "../machine/setUpGuest.ts"
import { Steps } from "../machine/Steps.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import type { PlannedLimit, TestPlan } from "../plan/TestPlan.ts"
import type { Qemu } from "../qemu/Qemu.ts"
import type { CacheDirectory } from "../store/CacheDirectory.ts"
import { makeShares } from "./makeShares.ts"
import { createDisk, createOverlay } from "../store/Qcow.ts"
import { writeSeedDisk } from "../store/seedDisk.ts"
import { parseBootProfile } from "./bootProfile.ts"
import { startClone } from "./startClone.ts"
import type { SpeedFactor } from "./SpeedFactor.ts"
import type { TemplateChoice } from "./TemplateChoice.ts"

export interface RunMachine {
  readonly plan: MachinePlan
  readonly machine: Machine
  readonly power: MachinePower
  readonly console: GuestAccess["console"]
  /** Whether its guest runs by emulation (TCG). */
  readonly isEmulated: () => boolean
  /** Writes back to the host what the guest changed of shares that are copies. */
  readonly bringBack: Effect.Effect<void, MachineError>
  /** Tells where the boot's time went, if the guest has finished booting. */
  readonly profile: Effect.Effect<void>
}

/** The way out where KVM turns out to be broken although its probe passed. */
export interface EmulationFallback {
  /** The same machine under TCG. */
  readonly plan: MachinePlan
  /** The guest came up by it, after KVM had failed in this way. */
  readonly worked: (kvmFailure: string) => Effect.Effect<void>
}

export interface RunMachineOptions {
  readonly plan: MachinePlan
  /** What the first start is a clone of; absent: it boots. */
  readonly template?: TemplateChoice | undefined
  /** Absent where the accelerator is not the driver's to choose, or is TCG already. */
  readonly fallback?: EmulationFallback | undefined
  readonly limits: TestPlan["limits"]
  /** Names and addresses of all machines that are in a network. Default: none. */
  readonly hosts?: TestPlan["hosts"]
  readonly speed: SpeedFactor
  readonly outputDirectory: string
}

const limitMs = (limit: PlannedLimit, speed: SpeedFactor): number =>
  Duration.toMillis(limit.duration) * (limit.scales ? speed.factor() : 1)

/** Disks are made at the first start and stay for the whole run. */
const makeDisks = Effect.fnUntraced(
  function* (plan: MachinePlan) {
    const { image, overlay, bytes } = plan.disk
    yield* createOverlay({ base: image, path: overlay, size: bytes })
    yield* Effect.forEach(plan.extraDisks, createDisk, { discard: true })
    yield* makeShares(plan)
    if (plan.entry.strategy === "nocloud") yield* writeSeedDisk(plan.entry)
  },
  (making, plan) =>
    Effect.mapError(
      making,
      (error) =>
        new MachineError({
          machine: plan.name,
          reason: { _tag: "SetupFailed", step: "making the machine's disks", detail: error.message },
          evidence: []
        })
    )
)

/** For a machine that is to be a clone and nothing else. */
const noClone = (machine: string, detail: string): MachineError =>
  new MachineError({
    machine,
    reason: { _tag: "SetupFailed", step: "starting it from a template", detail },
    evidence: [],
    hint: 'with "start": "auto" it boots instead'
  })

export const makeRunMachine = Effect.fn("run.makeMachine")(function* (options: RunMachineOptions) {
  const { plan, limits, speed } = options
  const bus = yield* EventBus
  const steps = yield* Steps
  const services = yield* Effect.context<
    EventBus | Steps | Qemu | ChildProcesses | UnixSockets | FileSystem.FileSystem | CacheDirectory
  >()
  const access: GuestAccess = { name: plan.name, console: Console.make() }

  /** How KVM failed, in one line, once it did. */
  let kvmFailure: string | undefined = undefined
  const planNow = (): MachinePlan => (kvmFailure === undefined ? plan : (options.fallback?.plan ?? plan))

  const boot = Effect.fnUntraced(function* (start: { readonly first: boolean }) {
    if (start.first) yield* makeDisks(plan)
    return yield* incarnate({ access, plan: planNow(), bus, speedFactor: speed.factor() })
  })
  /** The first start may be a clone's; whatever goes wrong with that is no more than a notice. */
  const spawn = Effect.fnUntraced(function* (start: { readonly first: boolean }) {
    if (!start.first || options.template === undefined) return yield* boot(start)
    const clone = yield* Effect.result(
      startClone({
        access,
        plan,
        ...options.template,
        bootMs: limitMs(limits.boot, speed),
        speedFactor: speed.factor()
      })
    )
    if (Result.isSuccess(clone)) return clone.success
    if (plan.start === "clone") return yield* noClone(plan.name, clone.failure.message)
    yield* bus.publish({
      _tag: "Notice",
      topic: "retry",
      machine: plan.name,
      text: `booting instead of starting from a template: ${clone.failure.message}`
    })
    return yield* boot(start)
  })
  const startAgain = Effect.fnUntraced(function* (error: MachineError) {
    if (options.fallback === undefined || kvmFailure !== undefined || error.reason._tag !== "QemuCrashed") return false
    kvmFailure = error.reason.detail.replaceAll(/\s*\n\s*/gu, " ").trim()
    speed.emulated()
    yield* bus.publish({
      _tag: "Notice",
      topic: "retry",
      machine: plan.name,
      text: `started again by emulation (TCG), since it died under KVM before it answered: ${kvmFailure}`
    })
    return true
  })
  let forwards = plan.forwardPorts
  let forwardedBy: Incarnation | undefined = undefined
  /** Forwards are QEMU's: each process of the machine needs them anew, on the ports that the first one got. */
  const forwardPorts = Effect.fnUntraced(function* (incarnation: Incarnation) {
    if (forwardedBy === incarnation) return
    forwardedBy = incarnation
    forwards = yield* Effect.forEach(forwards, ({ guest, host }) =>
      Effect.map(forwardPortOf({ access, bus, incarnation }, { guest, host }), ({ port }) => ({ guest, host: port }))
    )
  })
  const makeReady = Effect.fnUntraced(function* (incarnation: Incarnation, boot: { readonly first: boolean }) {
    const connectedMs = performance.now() - incarnation.spawnedAt
    if (boot.first && incarnation.start === "cold") {
      speed.measured(connectedMs / 1000)
      // A preparation's guest becomes an image, whose machines have names of their own.
      if (plan.entry.strategy !== "nocloud") yield* giveHostName(access, incarnation)
    }
    yield* joinNetworks({ access, incarnation, nics: plan.nics, hosts: options.hosts ?? [] })
    yield* setUpGuest({ access, plan, incarnation, firstBoot: boot.first, reached: incarnation.reached })
    yield* forwardPorts(incarnation)
    yield* incarnation.reached("ready")
    if (boot.first && kvmFailure !== undefined) yield* options.fallback?.worked(kvmFailure) ?? Effect.void
    yield* bus.publish({
      _tag: "MachineReady",
      machine: plan.name,
      sinceStart: performance.now() - incarnation.spawnedAt
    })
  })
  const bringBackFrom = (incarnation: Incarnation) =>
    Effect.forEach(plan.shares.filter(isWritableCopy), (share) => bringShareBack({ access, incarnation, share }), {
      discard: true
    })
  // Ends after what is still to be done in the guest at the run's end.
  const lives = yield* Scope.fork(yield* Effect.scope)
  const power = yield* makeMachinePower({
    access,
    bus,
    steps,
    limits: {
      bootMs: () => limitMs(limits.boot, speed),
      shutdownMs: () => limitMs(limits.shutdown, speed),
      waitMs: () => limitMs(limits.command, speed)
    },
    // The services were taken from the run, whose scope is not the process's: that must end with its own life.
    spawn: (boot) =>
      Effect.flatMap(Effect.scope, (scope) => Effect.provideContext(Scope.provide(spawn(boot), scope), services)),
    startAgain,
    beforeShutdown: bringBackFrom,
    makeReady: (incarnation, boot) => Effect.provideContext(makeReady(incarnation, boot), services)
  }).pipe(Scope.provide(lives))
  const context: MachineContext = {
    ...access,
    plan,
    bus,
    steps,
    limits: {
      commandMs: () => limitMs(limits.command, speed),
      waitMs: () => limitMs(limits.command, speed)
    },
    outputDirectory: options.outputDirectory,
    running: power.running,
    started: power.started
  }

  const profile = Effect.gen(function* () {
    const incarnation = yield* power.current
    // A clone's guest remembers the template's boot.
    if (incarnation?.start !== "cold" || plan.image.facts.init !== "systemd") return
    const result = yield* incarnation.channel.exec({ command: bootTimes, strict: false, timeoutMs: 25_000 })
    const found = parseBootProfile(new TextDecoder().decode(result.stdout), incarnation.connectedMs() / 1000)
    if (found !== undefined) yield* bus.publish({ _tag: "BootProfiled", machine: plan.name, profile: found })
  }).pipe(Effect.timeout("30 seconds"), Effect.ignore)

  const bringBack = Effect.flatMap(power.current, (incarnation) =>
    incarnation?.phase() === "ready" ? bringBackFrom(incarnation) : Effect.void
  )
  // Also where no test's end asks for it: in a shell, after an interruption.
  yield* Effect.addFinalizer(() =>
    Effect.catch(bringBack, (error) =>
      bus.publish({ _tag: "Log", level: "error", machine: plan.name, text: error.message })
    )
  )

  const runMachine: RunMachine = {
    plan,
    machine: makeMachine(context, power, makeCheckpoints(context, power)),
    power,
    console: access.console,
    isEmulated: () => planNow().accelerator === "tcg",
    bringBack,
    profile
  }
  return runMachine
})
