/**
 * What the agent says to the host: message types and the decoders of their payloads. Format: docs/protocol.md.
 *
 * Pure. A decoder gives undefined for a payload that is too short, too long or holds an unknown value; the session then ends.
 */
import { ByteReader } from "./ByteReader.ts"
import type { DirectoryEntry, FileStat, OutputStream } from "./GuestChannel.ts"

export const AgentMessage = {
  started: 0x82,
  stdout: 0x83,
  stderr: 0x84,
  endOfStream: 0x85,
  exit: 0x86,
  stdinCredit: 0x87,
  pong: 0x88,
  log: 0x89,
  bye: 0x8a,
  result: 0x8b
} as const

export interface ExitMessage {
  readonly exitCode: number
  readonly signal: number
  readonly timedOut: boolean
  readonly leftRunning: boolean
  readonly errno: number
  readonly stdoutBytes: number
  readonly stderrBytes: number
}

export const decodeExit = (payload: Uint8Array): ExitMessage | undefined => {
  const reader = new ByteReader(payload)
  const exitCode = reader.i32()
  const signal = reader.u32()
  const timedOut = reader.u8() !== 0
  const leftRunning = reader.u8() !== 0
  reader.skip(2)
  const exit: ExitMessage = {
    exitCode,
    signal,
    timedOut,
    leftRunning,
    errno: reader.i32(),
    stdoutBytes: reader.u64(),
    stderrBytes: reader.u64()
  }
  return reader.isComplete ? exit : undefined
}

export const decodeStarted = (
  payload: Uint8Array
): { readonly pid: number; readonly bootClockMs: number } | undefined => {
  const reader = new ByteReader(payload)
  const started = { pid: reader.u32(), bootClockMs: reader.u64() / 1e6 }
  return reader.isComplete ? started : undefined
}

export const decodeEndOfStream = (payload: Uint8Array): OutputStream | undefined => {
  const reader = new ByteReader(payload)
  const number = reader.u8()
  if (!reader.isComplete) {
    return undefined
  }
  return number === 1 ? "stdout" : number === 2 ? "stderr" : undefined
}

export const decodeStdinCredit = (
  payload: Uint8Array
): { readonly bytes: number; readonly closed: boolean } | undefined => {
  const reader = new ByteReader(payload)
  const credit = { bytes: reader.u32(), closed: reader.u8() !== 0 }
  return reader.isComplete ? credit : undefined
}

export interface PongMessage {
  /** What the PING carried. */
  readonly opaque: Uint8Array
  readonly bootClockMs: number
  readonly wallClockMs: number
  readonly loadAverage: number
  readonly freeMemoryBytes: number
}

export const decodePong = (payload: Uint8Array): PongMessage | undefined => {
  const reader = new ByteReader(payload)
  const pong: PongMessage = {
    opaque: reader.bytes(reader.u32()),
    bootClockMs: reader.u64() / 1e6,
    wallClockMs: reader.u64() / 1e6,
    loadAverage: reader.u32() / 100,
    freeMemoryBytes: reader.u64()
  }
  return reader.isComplete ? pong : undefined
}

const logLevels = ["debug", "info", "warning", "error"] as const
export type AgentLogLevel = (typeof logLevels)[number]

/** A line of the agent itself, for the driver's log. */
export interface AgentLogLine {
  readonly level: AgentLogLevel
  readonly text: string
}

export const decodeLog = (payload: Uint8Array): AgentLogLine | undefined => {
  const reader = new ByteReader(payload)
  const level = logLevels[reader.u8()]
  const text = new TextDecoder().decode(reader.rest())
  return level === undefined || !reader.isComplete ? undefined : { level, text }
}

/** The answer to a request: the error number, and what follows it. */
export interface ResultMessage {
  readonly errno: number
  readonly payload: Uint8Array
}

export const decodeResult = (payload: Uint8Array): ResultMessage | undefined => {
  const reader = new ByteReader(payload)
  const result = { errno: reader.i32(), payload: reader.rest() }
  return reader.isComplete ? result : undefined
}

export const decodeStat = (payload: Uint8Array): FileStat | undefined => {
  const reader = new ByteReader(payload)
  const stat = readStat(reader)
  return reader.isComplete ? stat : undefined
}

/** A listing's records one after the other. No name can lead out of its directory: that would be a hostile guest's. */
export const decodeList = (payload: Uint8Array): ReadonlyArray<DirectoryEntry> | undefined => {
  const reader = new ByteReader(payload)
  const entries: Array<DirectoryEntry> = []
  while (reader.remaining > 0) {
    const name = reader.str()
    if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) {
      reader.reject()
    }
    entries.push({ name, ...readStat(reader) })
  }
  return reader.isComplete ? entries : undefined
}

/** What a WAIT saw last. */
export const decodeWait = (payload: Uint8Array): { readonly lastErrno: number; readonly tries: number } | undefined => {
  const reader = new ByteReader(payload)
  const wait = { lastErrno: reader.i32(), tries: reader.u32() }
  return reader.isComplete ? wait : undefined
}

const kinds = [undefined, "file", "directory", "symlink", "other"] as const

const readStat = (reader: ByteReader): FileStat => {
  const kind = kinds[reader.u8()]
  if (kind === undefined) {
    reader.reject()
  }
  reader.skip(3)
  const stat = {
    kind: kind ?? "other",
    mode: reader.u32(),
    uid: reader.u32(),
    gid: reader.u32(),
    size: reader.u64(),
    modifiedMs: reader.u64() / 1e6
  }
  const target = reader.str()
  return kind === "symlink" ? { ...stat, linkTarget: target } : stat
}
