/**
 * How a session begins: the host's SYNC with a fresh nonce, and the agent's HELLO that returns it. Pure.
 *
 * The nonce makes every earlier answer worthless, so whatever the port still holds of former sessions can be skipped unread.
 */
import { ByteReader } from "./ByteReader.ts"
import { ByteWriter } from "./ByteWriter.ts"
import { maxFrameBytes } from "./Frame.ts"
import type { GuestSession } from "./GuestChannel.ts"

export const protocolVersion = 1
export const nonceBytes = 16

/** The constants of docs/protocol.md: `õNVTsync…` and `õNVThelo…`. */
export const syncMark = Uint8Array.of(
  0xf5,
  0x4e,
  0x56,
  0x54,
  0x73,
  0x79,
  0x6e,
  0x63,
  0x00,
  0x01,
  0x02,
  0x03,
  0xfe,
  0xc0,
  0x5a,
  0xa5
)
export const helloMark = Uint8Array.of(
  0xf5,
  0x4e,
  0x56,
  0x54,
  0x68,
  0x65,
  0x6c,
  0x6f,
  0x03,
  0x02,
  0x01,
  0x00,
  0xfe,
  0xc0,
  0x5a,
  0xa5
)

/** Nonce and mark, version, reserved, length of the rest. */
const fixedBytes = helloMark.length + nonceBytes + 8
const maxRestBytes = 4096
const shellCapability = 1

/** `padded`: first complete whatever frame a former host left half written. Needed unless this connection has carried nothing but SYNC. */
export const encodeSync = (options: { readonly nonce: Uint8Array; readonly padded: boolean }): Uint8Array => {
  const padding = options.padded ? maxFrameBytes : 0
  return new ByteWriter(padding + 40)
    .bytes(new Uint8Array(padding))
    .bytes(syncMark)
    .bytes(options.nonce)
    .u16(protocolVersion)
    .u16(protocolVersion)
    .u32(0)
    .finish()
}

/** The number that a session's frames are checked with. */
export const sessionKey = (nonce: Uint8Array): number => new ByteReader(nonce).u32()

export type HandshakeResult =
  | {
      readonly _tag: "Hello"
      readonly session: GuestSession
      /** Bytes of the same chunk that follow the hello. */ readonly rest: Uint8Array
    }
  | { readonly _tag: "Refused"; readonly detail: string }

/** Skips bytes, however many, until the HELLO that answers one SYNC. */
export class HelloScanner {
  readonly #needle: Buffer
  /** What may be the start of a hello, or a hello that is not complete yet. */
  #held: Buffer = Buffer.alloc(0)

  constructor(nonce: Uint8Array) {
    this.#needle = Buffer.concat([helloMark, nonce])
  }

  push(chunk: Uint8Array): HandshakeResult | undefined {
    const fresh = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const bytes = this.#held.length === 0 ? fresh : Buffer.concat([this.#held, fresh])
    const start = bytes.indexOf(this.#needle)
    if (start < 0) {
      this.#held = Buffer.from(bytes.subarray(Math.max(0, bytes.length - this.#needle.length + 1)))
      return undefined
    }
    const hello = bytes.subarray(start)
    if (hello.length >= this.#needle.length + 2) {
      const version = hello.readUInt16LE(this.#needle.length)
      if (version !== protocolVersion) {
        return {
          _tag: "Refused",
          detail: version === 0 ? `it does not speak version ${protocolVersion}` : `it chose version ${version}`
        }
      }
    }
    const restBytes = hello.length < fixedBytes ? 0 : hello.readUInt32LE(fixedBytes - 4)
    if (restBytes > maxRestBytes) {
      return { _tag: "Refused", detail: `its hello announces ${restBytes} bytes` }
    }
    const end = fixedBytes + restBytes
    if (hello.length < end) {
      this.#held = Buffer.from(hello)
      return undefined
    }
    const session = decodeHello(hello.subarray(fixedBytes, end))
    return session === undefined
      ? { _tag: "Refused", detail: "its hello is malformed" }
      : { _tag: "Hello", session, rest: plainView(hello.subarray(end)) }
  }
}

/** Users get `Uint8Array`, not Node's subclass with its other `slice` and `toString`. */
export const plainView = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const decodeHello = (payload: Uint8Array): GuestSession | undefined => {
  const reader = new ByteReader(payload)
  const capabilities = reader.u32()
  const agentPid = reader.u32()
  const session = reader.u32()
  const bootClockMs = reader.u64() / 1e6
  reader.skip(8)
  const hello: GuestSession = {
    agentPid,
    session,
    bootClockMs,
    bootId: reader.str(),
    kernel: reader.str(),
    agentVersion: reader.str(),
    hasShell: (capabilities & shellCapability) !== 0
  }
  return reader.isComplete ? hello : undefined
}
