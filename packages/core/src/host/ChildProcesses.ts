/**
 * Programs that the driver starts: with arguments that no shell reads, gone with their Scope, and gone with the driver however it
 * ends.
 *
 * The one place in core that knows `node:child_process`. Effect's own spawner reports a death by signal as a failure,
 * waits for pipes that a grandchild may hold, and leaves children alive when the driver is killed; QEMU needs all three
 * to be otherwise.
 */
import { spawn as nodeSpawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { Duplex } from "node:stream"
import type * as stream from "node:stream"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

export class SpawnError extends Schema.TaggedError<SpawnError>()("SpawnError", {
  command: Schema.String,
  /** The operating system's code, such as `ENOENT` or `EAGAIN`. */
  code: Schema.String
}) {
  override get message(): string {
    const hint =
      this.code === "ENOENT" && this.command === "setpriv" ? " (it is part of util-linux: apt install util-linux)" : ""
    return `can't start ${this.command}: ${this.code}${hint}`
  }
}

/** How a process ended: with a code, or by a signal. */
export interface ProcessExit {
  readonly code: number | undefined
  /** Such as `SIGKILL`. */
  readonly signal: NodeJS.Signals | undefined
}

export interface SpawnOptions {
  /**
   * A path, or a name to be found on `PATH`. One that can't be executed shows as exit code 126 or 127, with the reason
   * on stderr.
   */
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Default: the driver's own. */
  readonly cwd?: string | undefined
  /** Added to the driver's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** The whole of the process's stdin. Default: empty. */
  readonly stdin?: string | undefined
  /** The process reads from and writes to where the driver does, such as a terminal; only its stderr is read here. Default: false. */
  readonly onTerminal?: boolean | undefined
  /** Called for every chunk, in order; without it stdout goes nowhere. */
  readonly onStdout?: ((chunk: Uint8Array) => void) | undefined
  /** Called for every chunk, in order, beside `stderrTail`. */
  readonly onStderr?: ((chunk: Uint8Array) => void) | undefined
  /** Gives the process one end of a socket as its descriptor 3; the other is `socket`. Default: false. */
  readonly withSocket?: boolean | undefined
  /** A file that the process has open, for reading, as its descriptor 3; not beside `withSocket`. */
  readonly withFile?: string | undefined
}

export interface ChildProcess {
  readonly pid: number
  /** Our end of the process's descriptor 3, where it was asked for. */
  readonly socket: Duplex | undefined
  /** Completes when the process has ended and its stderr is read. */
  readonly exited: Effect.Effect<ProcessExit>
  /** The last {@link stderrTailBytes} bytes of stderr so far. */
  readonly stderrTail: Effect.Effect<string>
  /** Sends a signal; does nothing to a process that has ended. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
}

export interface ProcessOutput {
  /** None when the process had to be killed at the time-out. */
  readonly exit: Option.Option<ProcessExit>
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions extends Omit<
  SpawnOptions,
  "onTerminal" | "onStdout" | "onStderr" | "withSocket" | "withFile"
> {
  /** Milliseconds until the process is killed. */
  readonly timeoutMs: number
}

export interface ChildProcessesShape {
  /**
   * Starts a program that is killed (SIGKILL), with what it started in its process group, and reaped when the Scope
   * closes.
   */
  readonly spawn: (options: SpawnOptions) => Effect.Effect<ChildProcess, SpawnError, Scope.Scope>
  /** Runs a program to its end, or to the time-out. A non-zero exit is a result, not an error. */
  readonly run: (options: RunOptions) => Effect.Effect<ProcessOutput, SpawnError>
}

export class ChildProcesses extends Context.Service<ChildProcesses, ChildProcessesShape>()(
  "@nix-vm-test/core/ChildProcesses"
) {
  static readonly layer = Layer.sync(ChildProcesses, () => ({ spawn, run }))
}

/** How much of a process's stderr is kept: enough for a crash report, not for a flood. */
export const stderrTailBytes = 64 * 1024

/**
 * How long stderr may stay open after the process's end, milliseconds: a descendant that inherited the pipe must not
 * hide the end.
 */
const drainLimitMs = 200

/** Keeps the last bytes of a stream. */
class Tail {
  #text = Buffer.alloc(0)
  readonly #limit: number
  constructor(limit: number) {
    this.#limit = limit
  }
  push(chunk: Uint8Array): void {
    this.#text = Buffer.concat([this.#text, chunk]).subarray(-this.#limit)
  }
  toString(): string {
    return this.#text.toString("utf8")
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN"

/** A child that died before it read its stdin is no fault of the driver: its exit tells. */
const feed = (stdin: stream.Writable, text: string): void => {
  stdin.on("error", () => {})
  stdin.end(text)
}

/**
 * Run by `sh` with the driver's pid as `$0`: becomes the program when its parent is still the driver. No argument is
 * read as code.
 */
const becomeProgram = '[ "$PPID" = "$0" ] && exec "$@"'

/**
 * `setpriv` makes the kernel kill the child when the thread that forked it ends; the shell then ends by itself when the
 * driver was killed before that took effect. Both replace themselves: the child's pid is the program's, and no process
 * is between. A session of its own keeps a terminal's Ctrl-C from it. Node throws for some refusals of the kernel, such
 * as too long an argument list, and emits `error` for others.
 */
const launch = (options: SpawnOptions) => {
  const file = options.withFile === undefined ? undefined : openSync(options.withFile, "r")
  try {
    return spawnGuarded(options, file)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

const standardStreams = ({ onTerminal, stdin, onStdout }: SpawnOptions) =>
  onTerminal === true
    ? (["inherit", "inherit"] as const)
    : ([stdin === undefined ? "ignore" : "pipe", onStdout === undefined ? "ignore" : "pipe"] as const)

const spawnGuarded = (options: SpawnOptions, file: number | undefined) => {
  const guard = ["--pdeathsig", "KILL", "--", "/bin/sh", "-c", becomeProgram, String(process.pid)]
  return nodeSpawn("setpriv", [...guard, options.command, ...options.args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: [
      ...standardStreams(options),
      "pipe",
      // Node makes a pipe of a child's as a pair of connected sockets.
      ...(options.withSocket === true ? (["pipe"] as const) : []),
      ...(file === undefined ? [] : [file])
    ]
  })
}

interface Started {
  readonly child: ChildProcess
  readonly killGroup: Effect.Effect<void>
}

const start = (options: SpawnOptions) =>
  Effect.callback<Started, SpawnError>((resume) => {
    const launched = Result.try({ try: () => launch(options), catch: codeOf })
    if (Result.isFailure(launched)) {
      resume(Effect.fail(new SpawnError({ command: options.command, code: launched.failure })))
      return
    }
    const child = launched.success
    child.once("error", (error) => resume(Effect.fail(new SpawnError({ command: "setpriv", code: codeOf(error) }))))
    const ended = Deferred.makeUnsafe<ProcessExit>()
    const stderr = new Tail(stderrTailBytes)
    const { pid } = child
    if (pid === undefined) return
    child.stderr?.on("data", (chunk: Uint8Array) => stderr.push(chunk))
    if (options.onStderr !== undefined) child.stderr?.on("data", options.onStderr)
    if (options.onStdout !== undefined) child.stdout?.on("data", options.onStdout)
    const socket = child.stdio[3]
    if (child.stdin !== null && options.stdin !== undefined) feed(child.stdin, options.stdin)
    child.once("exit", (code, signal) => {
      const finish = () =>
        Deferred.doneUnsafe(ended, Effect.succeed({ code: code ?? undefined, signal: signal ?? undefined }))
      const limit = setTimeout(finish, drainLimitMs)
      child.once("close", () => {
        clearTimeout(limit)
        finish()
      })
    })
    // Node knows whether the pid is still its child's, so that a pid taken over by a stranger is never hit.
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null
    resume(
      Effect.succeed({
        child: {
          pid,
          socket: socket instanceof Duplex ? socket : undefined,
          exited: Deferred.await(ended),
          stderrTail: Effect.sync(() => stderr.toString()),
          signal: (signal) => Effect.sync(() => void child.kill(signal))
        },
        killGroup: Effect.sync(() => void (hasEnded() || process.kill(-pid, "SIGKILL")))
      })
    )
  })

const spawn = (options: SpawnOptions): Effect.Effect<ChildProcess, SpawnError, Scope.Scope> =>
  Effect.acquireRelease(start(options), ({ child, killGroup }) => Effect.andThen(killGroup, child.exited)).pipe(
    Effect.map(({ child }) => child)
  )

const run = Effect.fn("ChildProcesses.run")(function* (options: RunOptions) {
  const chunks: Array<Uint8Array> = []
  const child = yield* spawn({ ...options, onStdout: (chunk) => void chunks.push(chunk) })
  const exit = yield* Effect.timeoutOption(child.exited, Duration.millis(options.timeoutMs))
  return { exit, stdout: Buffer.concat(chunks).toString("utf8"), stderr: yield* child.stderrTail }
}, Effect.scoped)
