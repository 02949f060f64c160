/** What the host says to the agent: message types and the encoders of their payloads. Format: docs/protocol.md. Pure. */
import { ByteWriter } from "./ByteWriter.ts"
import type { GuestMount, Probe } from "./GuestChannel.ts"

export const HostMessage = {
  exec: 0x01,
  stdin: 0x02,
  stdinEnd: 0x03,
  credit: 0x04,
  kill: 0x05,
  ping: 0x06,
  put: 0x07,
  get: 0x08,
  stat: 0x09,
  list: 0x0a,
  makeDirectory: 0x0b,
  makeSymlink: 0x0c,
  wait: 0x0e,
  resumed: 0x0f,
  resize: 0x10,
  mount: 0x11
} as const

export const emptyPayload = new Uint8Array(0)

const execFlag = { terminal: 1, noStdin: 2, strict: 4 } as const

export interface ExecRequest {
  readonly command: string | ReadonlyArray<string>
  readonly strict: boolean
  readonly terminal?: TerminalSize | undefined
  readonly stdin: boolean
  readonly timeoutMs: number
  readonly stdoutWindow: number
  readonly stderrWindow: number
  readonly user: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

export const encodeExec = (request: ExecRequest): Uint8Array => {
  const { command, terminal } = request
  const isShell = typeof command === "string"
  const flags =
    (terminal === undefined ? 0 : execFlag.terminal) |
    (request.stdin ? 0 : execFlag.noStdin) |
    (isShell && request.strict ? execFlag.strict : 0)
  const variables = Object.entries(request.env)
  const words = isShell ? [command] : command
  const writer = new ByteWriter()
    .u8(isShell ? 0 : 1)
    .u8(flags)
    .u16(terminal?.rows ?? 0)
    .u16(terminal?.columns ?? 0)
    .u16(0)
    .u32(request.timeoutMs)
    .u32(request.stdoutWindow)
    .u32(request.stderrWindow)
    .str(request.user)
    .str(request.cwd)
    .u32(variables.length)
  for (const [name, value] of variables) {
    writer.str(name).str(value)
  }
  writer.u32(words.length)
  for (const word of words) {
    writer.str(word)
  }
  return writer.finish()
}

export const encodeCredit = (credit: { readonly stdout: number; readonly stderr: number }): Uint8Array =>
  new ByteWriter(8).u32(credit.stdout).u32(credit.stderr).finish()

/** To the whole process group of the call. */
export const encodeKill = (signal: number): Uint8Array => new ByteWriter(2).u8(signal).u8(0).finish()

export const encodeResize = (size: TerminalSize): Uint8Array =>
  new ByteWriter(4).u16(size.rows).u16(size.columns).finish()

interface OwnedPath {
  readonly path: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Payload of PUT and of MKDIR. */
export const encodeOwnedPath = (target: OwnedPath): Uint8Array =>
  new ByteWriter().u32(target.mode).u32(target.uid).u32(target.gid).str(target.path).finish()

/** Payload of GET and of LIST. */
export const encodeRead = (request: { readonly window: number; readonly path: string }): Uint8Array =>
  new ByteWriter().u32(request.window).str(request.path).finish()

export const encodeStat = (request: { readonly path: string; readonly follow: boolean }): Uint8Array =>
  new ByteWriter()
    .u8(request.follow ? 1 : 0)
    .str(request.path)
    .finish()

export const encodeSymlink = (link: { readonly path: string; readonly target: string }): Uint8Array =>
  new ByteWriter().str(link.target).str(link.path).finish()

export const encodeMount = (mount: GuestMount): Uint8Array =>
  new ByteWriter()
    .u8(mount.readOnly ? 1 : 0)
    .str(mount.type)
    .str(mount.source)
    .str(mount.options)
    .str(mount.target)
    .finish()

const probeCode = { tcpOpen: 1, tcpClosed: 2, unixStream: 3, unixDatagram: 4, pathExists: 5, pathAbsent: 6 } as const

export const encodeWait = (request: {
  readonly probe: Probe
  readonly intervalMs: number
  readonly timeoutMs: number
}): Uint8Array => {
  const { probe } = request
  return new ByteWriter()
    .u8(probeCode[probe.kind])
    .u8(0)
    .u16("port" in probe ? probe.port : 0)
    .u32(request.intervalMs)
    .u32(request.timeoutMs)
    .str("host" in probe ? probe.host : probe.path)
    .finish()
}

export const encodeResumed = (state: { readonly wallClockMs: number; readonly entropy: Uint8Array }): Uint8Array =>
  new ByteWriter()
    .u64(BigInt(Math.round(state.wallClockMs)) * 1_000_000n)
    .u32(state.entropy.length)
    .bytes(state.entropy)
    .finish()
