/**
 * How the driver reaches the inside of a guest: commands, files, probes and the session's state, whatever carries them.
 *
 * `AgentChannel` is the implementation over our agent's port.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { GuestError } from "./GuestError.ts"

/** Who answered, and from which boot. */
export interface GuestSession {
  readonly bootId: string
  readonly agentPid: number
  /** Sessions since the agent started, from 1. */
  readonly session: number
  readonly kernel: string
  readonly agentVersion: string
  /** The guest's boot clock at the hello, milliseconds. */
  readonly bootClockMs: number
  readonly hasShell: boolean
}

export interface ExecOptions {
  /** Shell code, or a program with its arguments, which no shell reads. */
  readonly command: string | ReadonlyArray<string>
  /** `set -euo pipefail` before shell code. Default true. */
  readonly strict?: boolean | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Default: the user's home directory. */
  readonly cwd?: string | undefined
  /** Default root. */
  readonly user?: string | undefined
  /** Bytes for the process's stdin; without it the process reads end of file at once. */
  readonly stdin?: Uint8Array | Stream.Stream<Uint8Array, GuestError> | undefined
  /** Milliseconds after which the agent kills the whole process group; none by default. */
  readonly timeoutMs?: number | undefined
}

export interface ExecExit {
  /** 128 + signal for a process that a signal ended. */
  readonly exitCode: number
  /** Number of the signal that ended it, 0 for none. */
  readonly signal: number
  readonly timedOut: boolean
  /** Processes left behind still hold stdout or stderr open; their later output is dropped. */
  readonly leftRunning: boolean
}

export interface ExecResult extends ExecExit {
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly durationMs: number
}

export type OutputStream = "stdout" | "stderr"

/** A running command. Closing its Scope kills the process group. */
export interface GuestProcess {
  readonly pid: number
  /** Chunks as they come; backpressure reaches the process. Each may be read once. */
  readonly stdout: Stream.Stream<Uint8Array, GuestError>
  readonly stderr: Stream.Stream<Uint8Array, GuestError>
  /** Both streams in order of arrival; instead of the two above. */
  readonly output: Stream.Stream<{ readonly stream: OutputStream; readonly bytes: Uint8Array }, GuestError>
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, GuestError>
  readonly endStdin: Effect.Effect<void, GuestError>
  readonly kill: (signal: number) => Effect.Effect<void, GuestError>
  readonly resize: (size: { readonly rows: number; readonly columns: number }) => Effect.Effect<void, GuestError>
  readonly exit: Effect.Effect<ExecExit, GuestError>
}

export interface FileStat {
  readonly kind: "file" | "directory" | "symlink" | "other"
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly modifiedMs: number
  readonly linkTarget?: string | undefined
}

export interface DirectoryEntry extends FileStat {
  readonly name: string
}

/** Something the agent can look for by itself, without a process. */
export type Probe =
  | { readonly kind: "tcpOpen" | "tcpClosed"; readonly host: string; readonly port: number }
  | { readonly kind: "unixStream" | "unixDatagram" | "pathExists" | "pathAbsent"; readonly path: string }

export interface ProbeResult {
  readonly satisfied: boolean
  readonly tries: number
  /** Name of the last try's error number, `OK` for none. */
  readonly last: string
}

/** A file system to be mounted; `type`, `source` and `options` as mount(2) takes them. */
export interface GuestMount {
  readonly type: string
  readonly source: string
  readonly options: string
  readonly readOnly: boolean
  readonly target: string
}

export interface GuestChannel {
  /** Runs a command to its end and keeps its output. A non-zero exit is a result, not an error. */
  readonly exec: (
    options: ExecOptions & {
      /** Most bytes to keep of each stream; default 64 MiB, then the command is killed and the call fails. */
      readonly maxOutputBytes?: number | undefined
      /** Sees each chunk as it comes. */
      readonly onOutput?: ((stream: OutputStream, bytes: Uint8Array) => void) | undefined
    }
  ) => Effect.Effect<ExecResult, GuestError>
  readonly spawn: (
    options: ExecOptions & {
      /** Runs on a pseudo-terminal: stderr is part of stdout, and stdin stays open. */
      readonly terminal?: { readonly rows: number; readonly columns: number } | undefined
      /** Leave stdin open for `write`. Default false. */
      readonly interactiveStdin?: boolean | undefined
    }
  ) => Effect.Effect<GuestProcess, GuestError, Scope.Scope>
  readonly writeFile: (options: {
    readonly path: string
    readonly content: Uint8Array | Stream.Stream<Uint8Array, GuestError>
    readonly mode?: number | undefined
    readonly uid?: number | undefined
    readonly gid?: number | undefined
  }) => Effect.Effect<void, GuestError>
  /** The file's stat first, then its bytes; `use` reads them. */
  readonly readFile: (
    path: string
  ) => Effect.Effect<
    { readonly stat: FileStat; readonly content: Stream.Stream<Uint8Array, GuestError> },
    GuestError,
    Scope.Scope
  >
  readonly stat: (path: string, options?: { readonly follow?: boolean }) => Effect.Effect<FileStat, GuestError>
  readonly list: (path: string) => Effect.Effect<ReadonlyArray<DirectoryEntry>, GuestError>
  readonly makeDirectory: (options: {
    readonly path: string
    readonly mode?: number
    readonly uid?: number
    readonly gid?: number
  }) => Effect.Effect<void, GuestError>
  readonly makeSymlink: (options: { readonly path: string; readonly target: string }) => Effect.Effect<void, GuestError>
  /** By the agent itself, no program of the guest; makes the missing directories of the target. */
  readonly mount: (options: GuestMount) => Effect.Effect<void, GuestError>
  /** Tries until satisfied or the time is over, inside the guest; `timeoutMs` 0 is one try. */
  readonly probe: (options: {
    readonly probe: Probe
    readonly timeoutMs: number
    readonly intervalMs?: number
  }) => Effect.Effect<ProbeResult, GuestError>
  /** After a restore, or to set the guest's clock. */
  readonly resumed: (options: {
    readonly wallClockMs: number
    readonly entropy: Uint8Array
  }) => Effect.Effect<void, GuestError>
  /** Round trip to the agent, milliseconds. */
  readonly ping: (options?: { readonly timeoutMs?: number }) => Effect.Effect<number, GuestError>
  /** The current session; waits for one while the guest boots, reboots or the agent restarts, as long as the channel is open. */
  readonly session: Effect.Effect<GuestSession, GuestError>
  /** Every new session from now on: after a boot, a reboot, an agent's restart or a resync. */
  readonly sessions: Stream.Stream<GuestSession>
}
