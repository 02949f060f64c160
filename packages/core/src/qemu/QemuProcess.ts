/**
 * A running QEMU: started without a shell, answering on QMP, dead with its Scope and with the driver.
 *
 * The process is bound to the thread that starts it: start it on Node's main thread, or it dies with the worker.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ChildProcess, ChildProcesses, type ProcessExit } from "../host/ChildProcesses.ts"
import type { UnixSockets } from "../host/UnixSocket.ts"
import { firstComplaint } from "./firstComplaint.ts"
import { Qemu } from "./Qemu.ts"
import { QemuError } from "./QemuError.ts"
import { connectQmp, type Qmp, queryStatus } from "./Qmp.ts"
import type { QmpEvent } from "./QmpMessage.ts"
import { climbLadder, defaultStopLimits, type Rung, type StopLimits, type StopRung } from "./StopLadder.ts"

export interface QemuProcessOptions {
  /** The machine's name, for errors. */
  readonly name: string
  /**
   * QEMU's arguments, with `-S` where a guest is to run. The program and its QMP socket are added here.
   */
  readonly argv: ReadonlyArray<string>
  /** Where QEMU shall serve QMP: a path of less than 108 bytes that does not exist yet. */
  readonly qmpPath: string
  readonly cwd?: string | undefined
  /** A file that QEMU has open as its descriptor 3. */
  readonly file?: string | undefined
  /** Called with the process's id as soon as it has been started, before QEMU answers; must not throw. */
  readonly onSpawned?: ((pid: number) => void) | undefined
  /** Called for every QMP event from the first one on; must not throw. */
  readonly onEvent?: ((event: QmpEvent) => void) | undefined
  /** Milliseconds from the start to QMP's answer. Default 60 000; an end of the process is noticed at once. */
  readonly answerWithinMs?: number | undefined
}

/** How QEMU ended. */
export interface QemuExit extends ProcessExit {
  /** The last of what it wrote to stderr. */
  readonly stderrTail: string
}

export interface StopOptions {
  /** The gentlest way, such as a poweroff through the agent; its failure only leads to the next rung. */
  readonly graceful?: Effect.Effect<unknown, unknown> | undefined
  /** Press the power button when `graceful` did not end it. Default true. */
  readonly acpi?: boolean | undefined
  readonly limits?: Partial<StopLimits> | undefined
}

export interface QemuProcess {
  readonly pid: number
  readonly qmp: Qmp
  /** Completes when the process has ended, however that came. */
  readonly exited: Effect.Effect<QemuExit>
  /** The last of stderr so far. */
  readonly stderrTail: Effect.Effect<string>
  /**
   * Completes, with QEMU's own line about it, when the accelerator gave up on the guest: QEMU stops it with status
   * `internal-error` and stays. Never completes otherwise.
   */
  readonly internalError: Effect.Effect<string>
  /** Ends QEMU and says which rung did it. Never fails. */
  readonly stop: (options?: StopOptions) => Effect.Effect<StopRung>
}

/** Limits at the Scope's end: a guest that shall stop in an orderly way is stopped before. */
const closingLimits = { quit: 2_000, terminate: 1_000 }

/** Milliseconds to wait for the process's end after its monitor went away: the two are seen in either order. */
const endAfterCloseMs = 2_000

/** In QEMU's option strings a comma is written twice. */
const optionValue = (text: string): string => text.replaceAll(",", ",,")

const surestRungs = (
  child: ChildProcess,
  qmp: Qmp,
  limits: Pick<StopLimits, "quit" | "terminate">
): ReadonlyArray<Rung> => [
  { name: "quit", act: qmp.execute("quit"), limitMs: limits.quit },
  { name: "terminate", act: child.signal("SIGTERM"), limitMs: limits.terminate },
  { name: "kill", act: child.signal("SIGKILL"), limitMs: undefined }
]

/** Only a guest that runs hears the power button. */
const pressPowerButton = (qmp: Qmp) =>
  Effect.gen(function* () {
    const { running } = yield* queryStatus(qmp)
    return yield* running ? qmp.execute("system_powerdown") : Effect.fail("the guest does not run")
  })

const start = Effect.fnUntraced(function* (options: QemuProcessOptions) {
  const qemu = yield* Qemu
  const processes = yield* ChildProcesses
  return yield* processes
    .spawn({
      command: qemu.binary,
      // Not `-run-with exit-with-parent=on`: it would replace the guard's SIGKILL by SIGTERM, which a busy QEMU may miss.
      args: [...options.argv, "-qmp", `unix:${optionValue(options.qmpPath)},server=on,wait=off`],
      cwd: options.cwd,
      withFile: options.file
    })
    .pipe(
      Effect.mapError(
        (error) => new QemuError({ reason: { _tag: "SpawnFailed", command: qemu.binary, detail: error.message } })
      )
    )
})

const exitOf = (child: ChildProcess): Effect.Effect<QemuExit> =>
  Effect.flatMap(child.exited, (exit) => Effect.map(child.stderrTail, (stderrTail) => ({ ...exit, stderrTail })))

const exitedEarly = (machine: string, exit: QemuExit): QemuError =>
  new QemuError({
    reason: {
      _tag: "ExitedEarly",
      machine,
      stderrTail: exit.stderrTail,
      ...(exit.code === undefined ? {} : { exitCode: exit.code }),
      ...(exit.signal === undefined ? {} : { signal: exit.signal })
    }
  })

/** Asks for the status at every stop: QEMU gives no other sign. Stops that the driver asked for have another status. */
const watchForInternalError = Effect.fnUntraced(function* (child: ChildProcess, qmp: Qmp) {
  const found = yield* Deferred.make<string>()
  const events = yield* qmp.subscribe
  yield* events.pipe(
    Stream.filter(({ event }) => event === "STOP"),
    Stream.mapEffect(() => queryStatus(qmp)),
    Stream.filter(({ status }) => status === "internal-error"),
    Stream.runForEach(() =>
      Effect.flatMap(child.stderrTail, (stderr) =>
        Deferred.succeed(found, firstComplaint(stderr) ?? "QEMU stopped it with an internal error")
      )
    ),
    // Without the monitor nothing more can be learnt; whoever waits for the process hears of its end.
    Effect.ignore,
    Effect.forkScoped
  )
  return found
})

/** Starts QEMU and returns when QMP answers. Fails as `ExitedEarly`, with stderr, as soon as QEMU ends before. */
export const spawnQemu = Effect.fn("QemuProcess.spawn")(function* (
  options: QemuProcessOptions
): Effect.fn.Return<QemuProcess, QemuError, Qemu | ChildProcesses | UnixSockets | Scope.Scope> {
  const child = yield* start(options)
  options.onSpawned?.(child.pid)
  const exited = exitOf(child)
  const answerWithinMs = options.answerWithinMs ?? 60_000

  const endedFirst = Effect.flatMap(exited, (exit) => Effect.fail(exitedEarly(options.name, exit)))
  const connected = connectQmp({
    path: options.qmpPath,
    retryForMs: answerWithinMs,
    greetingWithinMs: answerWithinMs,
    onEvent: options.onEvent
  }).pipe(
    Effect.catch((error) =>
      Effect.flatMap(Effect.timeoutOption(exited, Duration.millis(endAfterCloseMs)), (exit) =>
        Effect.fail(Option.isSome(exit) ? exitedEarly(options.name, exit.value) : error)
      )
    )
  )
  const qmp = yield* Effect.raceFirst(connected, endedFirst)
  const internalError = yield* watchForInternalError(child, qmp)
  yield* Effect.addFinalizer(() => climbLadder(surestRungs(child, qmp, closingLimits), child.exited))

  return {
    pid: child.pid,
    qmp,
    exited,
    stderrTail: child.stderrTail,
    internalError: Deferred.await(internalError),
    stop: (stopOptions = {}) => {
      const limits = { ...defaultStopLimits, ...stopOptions.limits }
      const { graceful, acpi = true } = stopOptions
      const gentleRungs: ReadonlyArray<Rung> = [
        ...(graceful === undefined ? [] : [{ name: "graceful", act: graceful, limitMs: limits.graceful } as const]),
        ...(acpi ? [{ name: "acpi", act: pressPowerButton(qmp), limitMs: limits.acpi } as const] : [])
      ]
      return climbLadder([...gentleRungs, ...surestRungs(child, qmp, limits)], child.exited)
    }
  }
})
