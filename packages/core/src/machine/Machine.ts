/**
 * The handle that test scripts hold: everything one can do with a machine, as Effects.
 *
 * Every operation starts the machine when it was never started, ends at once when the machine dies, and fails with `TestFailure` when the
 * script's expectation was not met, with `MachineError` when the machine could not do its part.
 */
import * as path from "node:path"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { GuestError } from "../guest/GuestError.ts"
import type { GuestProcess } from "../guest/GuestChannel.ts"
import { markCallSite } from "./callSite.ts"
import type { Checkpoint } from "./Checkpoint.ts"
import type { Checkpoints } from "./checkpoints.ts"
import type { Command, CommandOptions, CommandResult } from "./commands.ts"
import * as commands from "./commands.ts"
import type { ConsoleTextOptions } from "./consoleText.ts"
import * as consoleText from "./consoleText.ts"
import type { CopyFromHostOptions } from "./files.ts"
import * as files from "./files.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import type { MachineError } from "./MachineError.ts"
import type { ExchangeFolders } from "../plan/SharePlan.ts"
import type { MachinePower, ShutdownOptions } from "./MachinePower.ts"
import type { Meeting } from "./Meeting.ts"
import type { QmpEventFilter } from "./monitor.ts"
import * as monitor from "./monitor.ts"
import * as narration from "./narration.ts"
import type { ForwardedPort } from "./ports.ts"
import * as ports from "./ports.ts"
import * as shells from "./shell.ts"
import type { SpawnOptions } from "./spawn.ts"
import * as spawning from "./spawn.ts"
import type { UnitInfo, UnitOptions } from "./units.ts"
import * as units from "./units.ts"
import type { PortOptions, UnixSocketOptions, WaitOptions } from "./waits.ts"
import * as waits from "./waits.ts"
import type { TimeLimit } from "./TimeLimit.ts"
import type { TextPattern } from "./TextPattern.ts"
import type { TtyNumber } from "./ttys.ts"
import * as ttys from "./ttys.ts"
import * as windows from "./windows.ts"
import type { QmpArguments } from "../qemu/Qmp.ts"
import type { QmpEvent } from "../qemu/QmpMessage.ts"

export interface Machine {
  /** The machine's name in the test. */
  readonly name: string
  /** Folders on the host that the guest has at `/tmp/shared` and `/tmp/xchg`; with `exchange: true` in the spec. */
  readonly exchange: ExchangeFolders | undefined
  /** Folders on the host: the one that copied files go to, and the one that has the machine's disk and sockets while it runs. */
  readonly folders: { readonly output: string; readonly state: string }

  /** Runs a command and gives its result, whatever its exit code; a time-out is a result too (`timedOut`, with the output so far). */
  readonly exec: (command: Command, options?: CommandOptions) => Effect.Effect<CommandResult, OperationError>
  /** Runs a command that must succeed and gives its stdout as text; fails with both streams otherwise. */
  readonly succeed: (command: Command, options?: CommandOptions) => Effect.Effect<string, OperationError>
  /** Runs a command that must fail and gives its stdout as text. */
  readonly fail: (command: Command, options?: CommandOptions) => Effect.Effect<string, OperationError>
  /** Runs a command again and again, at most 50 ms apart, until it succeeds; gives the last stdout. `timeout` (15 min) is the whole wait's. */
  readonly waitUntilSucceeds: (command: Command, options?: CommandOptions) => Effect.Effect<string, OperationError>
  /** Runs a command again and again, at most 50 ms apart, until it fails; gives the last stdout. `timeout` (15 min) is the whole wait's. */
  readonly waitUntilFails: (command: Command, options?: CommandOptions) => Effect.Effect<string, OperationError>
  /** Starts a command and gives a handle on it while it runs: its output as it comes, its stdin, signals. Its end is the Scope's. */
  readonly spawn: (
    command: Command,
    options?: SpawnOptions
  ) => Effect.Effect<GuestProcess, OperationError | GuestError, Scope.Scope>

  /** Waits until a systemd unit is active; ends early with status and journal when it failed or can't become active. Limit 15 min. */
  readonly waitForUnit: (
    unit: string,
    options?: UnitOptions & { readonly timeout?: TimeLimit }
  ) => Effect.Effect<void, OperationError>
  /** Runs `systemctl QUERY` and gives its result, whatever the exit code. */
  readonly systemctl: (query: string, options?: UnitOptions) => Effect.Effect<CommandResult, OperationError>
  /** All properties of a unit, as `systemctl show` gives them. */
  readonly getUnitInfo: (unit: string, options?: UnitOptions) => Effect.Effect<UnitInfo, OperationError>
  /** One property of a unit; a name that systemd does not know is a failure. */
  readonly getUnitProperty: (
    unit: string,
    property: string,
    options?: UnitOptions
  ) => Effect.Effect<string, OperationError>
  /** Fails unless a unit is in the given state (default `active`) right now. */
  readonly requireUnitState: (
    unit: string,
    state?: string,
    options?: UnitOptions
  ) => Effect.Effect<void, OperationError>
  /** Runs `systemctl start UNIT` and gives its result. */
  readonly startJob: (unit: string, options?: UnitOptions) => Effect.Effect<CommandResult, OperationError>
  /** Runs `systemctl stop UNIT` and gives its result. */
  readonly stopJob: (unit: string, options?: UnitOptions) => Effect.Effect<CommandResult, OperationError>

  /** Waits until a path exists in the guest. Limit 15 min. */
  readonly waitForFile: (path: string, options?: WaitOptions) => Effect.Effect<void, OperationError>
  /** Waits until a TCP port accepts connections, on `localhost` or another `address` as the guest sees it. Limit 15 min. */
  readonly waitForOpenPort: (port: number, options?: PortOptions) => Effect.Effect<void, OperationError>
  /** Waits until nothing accepts connections on a TCP port any more. Limit 15 min. */
  readonly waitForClosedPort: (port: number, options?: PortOptions) => Effect.Effect<void, OperationError>
  /** Waits until a Unix socket accepts: a stream socket, or one for datagrams. Limit 15 min. */
  readonly waitForOpenUnixSocket: (path: string, options?: UnixSocketOptions) => Effect.Effect<void, OperationError>
  /** Waits for text on the serial console that no earlier call has matched; gives the match. Lines are joined by newlines. Limit 15 min. */
  readonly waitForConsoleText: (
    pattern: TextPattern,
    options?: ConsoleTextOptions
  ) => Effect.Effect<string, OperationError>
  /** The serial console's whole text since the machine's first start. */
  readonly getConsoleLog: () => Effect.Effect<string>
  /** Types on the serial console. */
  readonly sendConsole: (text: string) => Effect.Effect<void, OperationError>
  /** What stands on a virtual terminal, line by line: 1 is `/dev/tty1`. */
  readonly getTtyText: (tty: TtyNumber) => Effect.Effect<string, OperationError>
  /** Waits until the text on a virtual terminal matches. Limit 15 min. */
  readonly waitUntilTtyMatches: (
    tty: TtyNumber,
    pattern: TextPattern,
    options?: WaitOptions
  ) => Effect.Effect<void, OperationError>
  /** Writes what stands on a virtual terminal into the guest's journal. */
  readonly dumpTtyContents: (tty: TtyNumber) => Effect.Effect<void, OperationError>
  /** Waits until an X server accepts on display `:0`. Limit 15 min. */
  readonly waitForX: (options?: WaitOptions) => Effect.Effect<void, OperationError>
  /** The titles of all windows on the guest's X display `:0`. */
  readonly getWindowNames: () => Effect.Effect<ReadonlyArray<string>, OperationError>
  /** Waits until a window's title matches. Limit 15 min. */
  readonly waitForWindow: (pattern: TextPattern, options?: WaitOptions) => Effect.Effect<void, OperationError>

  /** Runs a command of QEMU's machine protocol (QMP) and gives its answer. */
  readonly qmp: (command: string, args?: QmpArguments) => Effect.Effect<unknown, OperationError>
  /** Runs a command of QEMU's monitor for people (HMP) and gives what it says. */
  readonly sendMonitorCommand: (command: string) => Effect.Effect<string, OperationError>
  /** Waits for an event of QEMU's that the filter takes, since the machine's start; those before it are dropped. Limit 10 min. */
  readonly waitForQmpEvent: (filter: QmpEventFilter, options?: WaitOptions) => Effect.Effect<QmpEvent, OperationError>
  /** Takes the carrier from the machine's NICs in the test's networks, as unplugged cables do. */
  readonly block: () => Effect.Effect<void, OperationError>
  /** Gives the carrier back. */
  readonly unblock: () => Effect.Effect<void, OperationError>

  /** Copies a file or tree of the host to `target` in the guest, which names the copy itself. Any size, modes kept, owner root. */
  readonly copyFromHost: (
    source: string,
    target: string,
    options?: CopyFromHostOptions
  ) => Effect.Effect<void, OperationError>
  /** Copies a file or tree of the guest to the host; a relative `target` (default: the source's name) lies in the run's output folder. */
  readonly copyToHost: (source: string, target?: string) => Effect.Effect<void, OperationError>

  /** Starts the machine and waits until it is ready; does nothing when it runs. The disk is what it was. */
  readonly start: () => Effect.Effect<void, MachineError>
  /** Shuts the guest down by its own means, and by ever stronger ones when it does not end. */
  readonly shutdown: (options?: ShutdownOptions) => Effect.Effect<void, OperationError>
  /** Reboots the guest and waits until it is ready again. */
  readonly reboot: () => Effect.Effect<void, OperationError>
  /** Ends the machine as a power cut would. */
  readonly crash: () => Effect.Effect<void, OperationError>
  /** Waits until the machine has ended, by itself or by the script. Limit 15 min. */
  readonly waitForShutdown: (options?: WaitOptions) => Effect.Effect<void, OperationError>
  /** Whether the guest runs and its agent answers. */
  readonly isUp: () => Effect.Effect<boolean>

  /**
   * Keeps the machine's state of this instant, memory and disks, for `restore`, until the machine is stopped. Fails while something is asked of
   * the guest. With a `meeting` it waits, stopped, for other machines: see `checkpointAll`.
   */
  readonly checkpoint: (meeting?: Meeting) => Effect.Effect<Checkpoint, OperationError>
  /** Puts the machine back to a checkpoint, as often as you like; calls in flight fail. Its clock is set, all else is as it was. */
  readonly restore: (checkpoint: Checkpoint, meeting?: Meeting) => Effect.Effect<void, OperationError>

  /**
   * Makes a TCP port of the guest reachable on the host's loopback until the machine stops, reboots aside; gives the host's port (a free one
   * unless `hostPort` names it).
   */
  readonly forwardPort: (
    guestPort: number,
    options?: { readonly hostPort?: number }
  ) => Effect.Effect<ForwardedPort, OperationError>
  /**
   * A root shell at the terminal of the person who runs the test, in the midst of the script: with colours, sizes and Ctrl-C, until `exit`,
   * Ctrl-D, or Ctrl-] three times. Gives its exit code.
   */
  readonly shell: () => Effect.Effect<number, OperationError>
  /** Sleeps for the given time of the host's clock. */
  readonly sleep: (time: TimeLimit) => Effect.Effect<void, OperationError>
  /** Writes a line to the report. */
  readonly log: (text: string) => Effect.Effect<void>
  /** Groups what an effect does under one title in the report. */
  readonly nested: <A, E, R>(title: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, never>>
}

/** Joins the operations over one context into the handle. */
export const makeMachine = (context: MachineContext, power: MachinePower, checkpoints: Checkpoints): Machine => {
  const on =
    <Args extends ReadonlyArray<unknown>, A, E, R>(
      operation: (context: MachineContext, ...args: Args) => Effect.Effect<A, E, R>
    ) =>
    (...args: Args): Effect.Effect<A, E, R> =>
      markCallSite(operation(context, ...args))
  return {
    name: context.name,
    exchange: context.plan.exchange,
    folders: { output: context.outputDirectory, state: path.dirname(context.plan.sockets.qmp) },
    exec: on(commands.exec),
    succeed: on(commands.succeed),
    fail: on(commands.fail),
    waitUntilSucceeds: on(commands.waitUntilSucceeds),
    waitUntilFails: on(commands.waitUntilFails),
    spawn: on(spawning.spawn),
    waitForUnit: on(units.waitForUnit),
    systemctl: on(units.systemctl),
    getUnitInfo: on(units.getUnitInfo),
    getUnitProperty: on(units.getUnitProperty),
    requireUnitState: on(units.requireUnitState),
    startJob: on(units.startJob),
    stopJob: on(units.stopJob),
    waitForFile: on(waits.waitForFile),
    waitForOpenPort: on(waits.waitForOpenPort),
    waitForClosedPort: on(waits.waitForClosedPort),
    waitForOpenUnixSocket: on(waits.waitForOpenUnixSocket),
    waitForConsoleText: on(consoleText.waitForConsoleText),
    getConsoleLog: on(consoleText.getConsoleLog),
    sendConsole: on(consoleText.sendConsole),
    getTtyText: on(ttys.getTtyText),
    waitUntilTtyMatches: on(ttys.waitUntilTtyMatches),
    dumpTtyContents: on(ttys.dumpTtyContents),
    waitForX: on(windows.waitForX),
    getWindowNames: on(windows.getWindowNames),
    waitForWindow: on(windows.waitForWindow),
    qmp: on(monitor.qmp),
    sendMonitorCommand: on(monitor.sendMonitorCommand),
    waitForQmpEvent: on(monitor.waitForQmpEvent),
    block: on(monitor.block),
    unblock: on(monitor.unblock),
    copyFromHost: on(files.copyFromHost),
    copyToHost: on(files.copyToHost),
    start: () => markCallSite(power.start),
    shutdown: (options) => markCallSite(power.shutdown(options ?? {})),
    reboot: () => markCallSite(power.reboot),
    crash: () => markCallSite(power.crash),
    waitForShutdown: (options) => markCallSite(power.waitForShutdown(options ?? {})),
    isUp: () => power.isUp,
    checkpoint: (meeting) => markCallSite(checkpoints.checkpoint(meeting)),
    restore: (checkpoint, meeting) => markCallSite(checkpoints.restore(checkpoint, meeting)),
    forwardPort: on(ports.forwardPort),
    shell: on(shells.shell),
    sleep: on(narration.sleep),
    log: on(narration.log),
    nested: (title, effect) => narration.nested(context, title, effect)
  }
}
