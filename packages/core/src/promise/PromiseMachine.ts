/**
 * The Promise form of the machine handle: a table of one-liners over the Effect form, with the same names, arguments and errors.
 */
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Checkpoint } from "../machine/Checkpoint.ts"
import type { Command } from "../machine/commands.ts"
import type { ExecExit, GuestProcess } from "../guest/GuestChannel.ts"
import type { Machine } from "../machine/Machine.ts"
import type { SpawnOptions } from "../machine/spawn.ts"
import type { RunPromise } from "./RunPromise.ts"

/** Methods that give an Effect, as methods that give a Promise. */
type Promised<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer Args) => Effect.Effect<infer A, infer _E>
    ? (...args: Args) => Promise<A>
    : T[K]
}

/** A running command in Promise style; `await using` ends it with the block. */
export interface RunningCommand extends AsyncDisposable {
  readonly pid: number
  /** Decoded chunks as they come; each stream may be read once. */
  readonly stdout: AsyncIterable<string>
  readonly stderr: AsyncIterable<string>
  readonly write: (input: string | Uint8Array) => Promise<void>
  readonly endStdin: () => Promise<void>
  /** Sends a signal by its number, such as 15 for SIGTERM. */
  readonly kill: (signal: number) => Promise<void>
  readonly exit: () => Promise<ExecExit>
}

/** The machine handle of TypeScript test scripts. */
export interface PromiseMachine extends Promised<Omit<Machine, "nested" | "spawn" | "checkpoint" | "restore">> {
  /** Starts a command and gives a handle on it while it runs: its output as it comes, its stdin, signals. */
  readonly spawn: (command: Command, options?: SpawnOptions) => Promise<RunningCommand>
  /** Keeps the machine's state of this instant, memory and disks, for `restore`, until the machine is stopped. */
  readonly checkpoint: () => Promise<Checkpoint>
  /** Puts the machine back to a checkpoint, as often as you like; calls in flight fail. Its clock is set, all else is as it was. */
  readonly restore: (checkpoint: Checkpoint) => Promise<void>
  /** Groups what a function does under one title in the report. */
  readonly nested: <A>(title: string, body: () => Promise<A> | A) => Promise<A>
}

const runningCommand = (run: RunPromise, process: GuestProcess, end: () => Promise<void>): RunningCommand => ({
  pid: process.pid,
  stdout: Stream.toAsyncIterable(Stream.decodeText(process.stdout)),
  stderr: Stream.toAsyncIterable(Stream.decodeText(process.stderr)),
  write: (input) => run(process.write(typeof input === "string" ? new TextEncoder().encode(input) : input)),
  endStdin: () => run(process.endStdin),
  kill: (signal) => run(process.kill(signal)),
  exit: () => run(process.exit),
  [Symbol.asyncDispose]: end
})

/** The Promise form of a handle. */
export const promiseMachine = (machine: Machine, run: RunPromise): PromiseMachine => ({
  name: machine.name,
  exchange: machine.exchange,
  folders: machine.folders,
  exec: (command, options) => run(machine.exec(command, options)),
  succeed: (command, options) => run(machine.succeed(command, options)),
  fail: (command, options) => run(machine.fail(command, options)),
  waitUntilSucceeds: (command, options) => run(machine.waitUntilSucceeds(command, options)),
  waitUntilFails: (command, options) => run(machine.waitUntilFails(command, options)),
  spawn: (command, options) =>
    run.scoped(machine.spawn(command, options)).then(({ value, close }) => runningCommand(run, value, close)),
  waitForUnit: (unit, options) => run(machine.waitForUnit(unit, options)),
  systemctl: (query, options) => run(machine.systemctl(query, options)),
  getUnitInfo: (unit, options) => run(machine.getUnitInfo(unit, options)),
  getUnitProperty: (unit, property, options) => run(machine.getUnitProperty(unit, property, options)),
  requireUnitState: (unit, state, options) => run(machine.requireUnitState(unit, state, options)),
  startJob: (unit, options) => run(machine.startJob(unit, options)),
  stopJob: (unit, options) => run(machine.stopJob(unit, options)),
  waitForFile: (path, options) => run(machine.waitForFile(path, options)),
  waitForOpenPort: (port, options) => run(machine.waitForOpenPort(port, options)),
  waitForClosedPort: (port, options) => run(machine.waitForClosedPort(port, options)),
  waitForOpenUnixSocket: (path, options) => run(machine.waitForOpenUnixSocket(path, options)),
  waitForConsoleText: (pattern, options) => run(machine.waitForConsoleText(pattern, options)),
  getConsoleLog: () => run(machine.getConsoleLog()),
  shell: () => run(machine.shell()),
  sendConsole: (text) => run(machine.sendConsole(text)),
  getTtyText: (tty) => run(machine.getTtyText(tty)),
  waitUntilTtyMatches: (tty, pattern, options) => run(machine.waitUntilTtyMatches(tty, pattern, options)),
  dumpTtyContents: (tty) => run(machine.dumpTtyContents(tty)),
  waitForX: (options) => run(machine.waitForX(options)),
  getWindowNames: () => run(machine.getWindowNames()),
  waitForWindow: (pattern, options) => run(machine.waitForWindow(pattern, options)),
  qmp: (command, args) => run(machine.qmp(command, args)),
  sendMonitorCommand: (command) => run(machine.sendMonitorCommand(command)),
  waitForQmpEvent: (filter, options) => run(machine.waitForQmpEvent(filter, options)),
  block: () => run(machine.block()),
  unblock: () => run(machine.unblock()),
  copyFromHost: (source, target, options) => run(machine.copyFromHost(source, target, options)),
  copyToHost: (source, target) => run(machine.copyToHost(source, target)),
  start: () => run(machine.start()),
  shutdown: (options) => run(machine.shutdown(options)),
  reboot: () => run(machine.reboot()),
  crash: () => run(machine.crash()),
  waitForShutdown: (options) => run(machine.waitForShutdown(options)),
  isUp: () => run(machine.isUp()),
  checkpoint: () => run(machine.checkpoint()),
  restore: (checkpoint) => run(machine.restore(checkpoint)),
  forwardPort: (guestPort, options) => run(machine.forwardPort(guestPort, options)),
  sleep: (time) => run(machine.sleep(time)),
  log: (text) => run(machine.log(text)),
  nested: (title, body) => run(machine.nested(title, run.call(body)))
})
