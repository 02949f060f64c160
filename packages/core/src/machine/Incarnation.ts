/**
 * One life of a machine: a QEMU process with its channel and its console, and the one answer to "why did it end".
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { EventBusShape } from "../events/EventBus.ts"
import { MachinePhase } from "../events/Event.ts"
import { bootPhase } from "../guest/bootPhase.ts"
import type { AgentChannel } from "../guest/AgentChannel.ts"
import * as AgentChannels from "../guest/AgentChannel.ts"
import type { ConsolePort } from "../guest/Console.ts"
import type { ConsoleSign } from "../guest/consoleSigns.ts"
import { consoleSign } from "../guest/consoleSigns.ts"
import type { GuestSession } from "../guest/GuestChannel.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import type { EntryStrategy } from "../spec/Image.ts"
import type { QemuExit, QemuProcess } from "../qemu/QemuProcess.ts"
import { spawnQemu } from "../qemu/QemuProcess.ts"
import type { QemuError } from "../qemu/QemuError.ts"
import type { QmpEvent } from "../qemu/QmpMessage.ts"
import type { Evidence } from "./evidence.ts"
import { evidenceOf } from "./evidence.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import { MachineError } from "./MachineError.ts"
import { startShareDaemons } from "./shareDaemons.ts"
import type { MachineErrorReason } from "./MachineError.ts"

export interface Incarnation {
  readonly start: "cold" | "clone"
  /** The agent's way into the guest. */
  readonly entry: EntryStrategy
  readonly process: QemuProcess
  readonly channel: AgentChannel
  /** The serial port, for typing. */
  readonly serial: ConsolePort
  /** QEMU's events that nobody has taken yet; the oldest are dropped beyond a limit. */
  readonly events: Queue.Dequeue<QmpEvent>
  /** Each answer of an agent: the first one, and those after reboots and restarts. */
  readonly sessions: Queue.Dequeue<GuestSession>
  /** `performance.now()` when QEMU was spawned. */
  readonly spawnedAt: number
  /** Milliseconds from QEMU's start to the agent's first answer; 0 before it. */
  readonly connectedMs: () => number
  /** How far the boot got. */
  readonly phase: () => MachinePhase
  readonly reached: (phase: MachinePhase) => Effect.Effect<void>
  /** Never completes while the guest lives; then fails with what ended it. */
  readonly death: Effect.Effect<never, MachineError>
  /** From here on the end is the script's own wish: calls that it cuts off hear that the machine is off. */
  readonly expectEnd: Effect.Effect<void>
  /** Completes when the process has ended, whatever ended it. */
  readonly ended: Effect.Effect<void>
}

export interface IncarnationOptions {
  readonly access: GuestAccess
  readonly plan: MachinePlan
  /** Another way to start than the plan's own boot. */
  readonly clone?: CloneStart | undefined
  readonly bus: EventBusShape
  /** How much slower than under KVM this guest is. */
  readonly speedFactor: number
}

/** How a clone differs from a boot. */
export interface CloneStart {
  /** QEMU's arguments instead of the plan's. */
  readonly argv: ReadonlyArray<string>
  /** A guest's state, for `load`: QEMU has it open. */
  readonly state: string
  /** Done once all sockets are attached, before the guest goes. */
  readonly load: (process: QemuProcess) => Effect.Effect<void, MachineError>
}

/** Events of QEMU that are kept for a test that may ask for them. */
const MOST_EVENTS = 4096

/** Signs after which a guest does not come back by itself. */
const fatalSigns: Readonly<Partial<Record<ConsoleSign["kind"], string>>> = {
  kernelPanic: "the guest's kernel panicked",
  nothingToBoot: "nothing on the guest's disk can be started",
  emergencyMode: "the guest's boot ended in emergency mode",
  initramfsShell: "the guest found no root file system"
}

/** The phases of one boot; each is told once, in their order. */
const makePhases = (options: IncarnationOptions, spawnedAt: number) => {
  let phase: MachinePhase = "spawned"
  const reach = (next: MachinePhase): void => {
    const order = MachinePhase.literals
    if (order.indexOf(next) <= order.indexOf(phase)) return
    phase = next
    options.bus.publishUnsafe({
      _tag: "MachinePhaseReached",
      machine: options.access.name,
      phase: next,
      sinceStart: performance.now() - spawnedAt
    })
  }
  return { current: () => phase, reach }
}

/** Why a machine ended, in the order of what explains most: the first cause that is known stays. */
const makeDeath = (options: IncarnationOptions) => {
  const died = Deferred.makeUnsafe<never, MachineError>()
  let expected = false
  const die = (
    reason: MachineErrorReason,
    more: { readonly evidence?: ReadonlyArray<Evidence>; readonly hint?: string } = {}
  ): void => {
    Deferred.doneUnsafe(
      died,
      Effect.fail(
        new MachineError({
          machine: options.access.name,
          reason: expected ? { _tag: "NotRunning", state: "off" } : reason,
          evidence: [...(more.evidence ?? []), ...evidenceOf("console", options.access.console.tail(30).join("\n"))],
          ...(more.hint === undefined ? {} : { hint: more.hint })
        })
      )
    )
  }
  const expectEnd = Effect.sync(() => {
    expected = true
  })
  return { died, die, expectEnd }
}

type Die = ReturnType<typeof makeDeath>["die"]

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** QMP events that explain an end before it comes. */
const onQmpEvent =
  (channel: () => AgentChannel | undefined, events: Queue.Enqueue<QmpEvent>, die: Die) =>
  (event: QmpEvent): void => {
    Queue.offerUnsafe(events, event)
    const data = event.data ?? {}
    if (event.event === "VSERPORT_CHANGE") {
      if (data["open"] === true) channel()?.portOpened()
      else channel()?.portClosed()
    } else if (event.event === "SHUTDOWN" && data["guest"] === true && data["reason"] !== "guest-reset") {
      die(
        data["reason"] === "guest-panic"
          ? { _tag: "GuestCrashed", sign: "the guest panicked", line: "" }
          : { _tag: "GuestPoweredOff" }
      )
    } else if (event.event === "BLOCK_IO_ERROR" && data["nospace"] === true) {
      die(
        { _tag: "QemuDied", detail: "no space left on the host for the machine's disk" },
        { hint: "free some space where TMPDIR points to, or set TMPDIR to a larger file system" }
      )
    } else if (event.event === "BLOCK_IO_ERROR" && data["action"] !== "ignore") {
      die({ _tag: "QemuDied", detail: `the machine's disk failed: ${text(data["reason"])}` })
    }
  }

const describeExit = (exit: QemuExit): string =>
  exit.signal === undefined ? `exit code ${exit.code ?? "unknown"}` : `killed by ${exit.signal}`

/** Signals that come from outside; by others QEMU ends itself. */
const outerSignals: ReadonlyArray<string | undefined> = ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"]

const endTag = (exit: { readonly signal?: string | undefined }): "QemuDied" | "QemuCrashed" =>
  outerSignals.includes(exit.signal) ? "QemuDied" : "QemuCrashed"

const hintAbout = ({ signal }: { readonly signal?: string | undefined }): { readonly hint?: string } =>
  signal === "SIGKILL"
    ? {
        hint: "if you did not do that, the kernel's out-of-memory killer did: see dmesg; give the machines less memory, or run fewer at once"
      }
    : {}

const qemuFailed = (options: IncarnationOptions) => (error: QemuError) =>
  new MachineError({
    machine: options.access.name,
    reason: {
      _tag: error.reason._tag === "ExitedEarly" ? endTag(error.reason) : "QemuDied",
      detail: error.message
    },
    evidence: [],
    ...(error.reason._tag === "ExitedEarly" ? hintAbout(error.reason) : {})
  })

/** What ends the guest apart from its own console: the process, and the accelerator that gives up. */
const watchProcess = (process: QemuProcess, die: Die) =>
  Effect.raceFirst(
    Effect.map(process.exited, (exit) =>
      die(
        { _tag: endTag(exit), detail: `${describeExit(exit)}, not asked for` },
        {
          evidence: evidenceOf("QEMU's stderr", exit.stderrTail),
          ...hintAbout(exit)
        }
      )
    ),
    Effect.map(process.internalError, (detail) =>
      die({ _tag: "QemuCrashed", detail: `the accelerator gave up on the guest: ${detail}` })
    )
  )

/** Starts QEMU stopped, attaches to all its sockets so that no byte is missed, and lets it go. */
export const incarnate = Effect.fn("machine.incarnate")(function* (options: IncarnationOptions) {
  const { plan, bus, access, speedFactor } = options
  const spawnedAt = performance.now()
  const phases = makePhases(options, spawnedAt)
  const { died, die, expectEnd } = makeDeath(options)
  const sessions = yield* Queue.unbounded<GuestSession>()
  const events = yield* Queue.sliding<QmpEvent>(MOST_EVENTS)
  let channel: AgentChannel | undefined = undefined
  let connectedMs = 0

  const shareDaemonEnded = yield* startShareDaemons(plan)
  const process = yield* spawnQemu({
    name: access.name,
    argv: options.clone?.argv ?? plan.argv,
    qmpPath: plan.sockets.qmp,
    file: options.clone?.state,
    onSpawned: (pid) =>
      bus.publishUnsafe({
        _tag: "MachineStarting",
        machine: access.name,
        start: options.clone === undefined ? "cold" : "clone",
        pid
      }),
    onEvent: onQmpEvent(() => channel, events, die)
  }).pipe(Effect.mapError(qemuFailed(options)))
  yield* Effect.forkScoped(watchProcess(process, die), { startImmediately: true })
  // They end with QEMU too, whose own end says more.
  const watchShares = Effect.tapError(shareDaemonEnded, ({ reason }) =>
    Effect.andThen(
      Effect.sleep("1 second"),
      Effect.sync(() => die(reason))
    )
  )
  yield* Effect.forkScoped(Effect.ignore(watchShares))
  // A socket that fails is only the symptom of a QEMU that ends; give the death a moment to be understood.
  const orDeath = Effect.catch((error: MachineError) =>
    Effect.timeoutOrElse(Deferred.await(died), { duration: "1 second", orElse: () => Effect.fail(error) })
  )

  const serial = yield* access.console
    .attach({
      path: plan.sockets.console,
      onLine: (line) => {
        bus.publishUnsafe({ _tag: "ConsoleLine", machine: access.name, text: line.text })
        const reached = bootPhase(line.text)
        if (reached !== undefined) phases.reach(reached)
        const sign = consoleSign(line.text)
        const fatal = sign === undefined ? undefined : fatalSigns[sign.kind]
        if (sign !== undefined && fatal !== undefined) die({ _tag: "GuestCrashed", sign: fatal, line: sign.line })
      }
    })
    .pipe(
      Effect.mapError(
        (error) =>
          new MachineError({ machine: access.name, reason: { _tag: "QemuDied", detail: error.message }, evidence: [] })
      ),
      orDeath
    )
  channel = yield* AgentChannels.make({
    path: plan.sockets.agent,
    speedFactor,
    onSession: (session) => {
      if (connectedMs === 0) connectedMs = performance.now() - spawnedAt
      phases.reach("connected")
      bus.publishUnsafe({
        _tag: "MachineConnected",
        machine: access.name,
        bootId: session.bootId,
        agent: session.agentVersion
      })
      Queue.offerUnsafe(sessions, session)
    }
  }).pipe(
    Effect.mapError(
      (error) =>
        new MachineError({ machine: access.name, reason: { _tag: "ChannelFailed", cause: error.reason }, evidence: [] })
    ),
    orDeath
  )
  if (options.clone !== undefined) yield* orDeath(options.clone.load(process))
  yield* process.qmp.execute("cont").pipe(Effect.mapError(qemuFailed(options)), orDeath)

  const incarnation: Incarnation = {
    start: options.clone === undefined ? "cold" : "clone",
    entry: plan.entry.strategy,
    process,
    channel,
    serial,
    events,
    sessions,
    spawnedAt,
    connectedMs: () => connectedMs,
    phase: phases.current,
    reached: (phase) => Effect.sync(() => phases.reach(phase)),
    death: Deferred.await(died),
    expectEnd,
    ended: Effect.asVoid(process.exited)
  }
  return incarnation
})
