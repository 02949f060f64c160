/**
 * Frames of the agent's port: encoding, and decoding from chunks that are cut anywhere. Format: docs/protocol.md.
 *
 * Pure: no sockets, no time, and nothing in here throws on hostile input.
 */

/** One element of the virtio ring. */
export const maxFrameBytes = 32_768
const headerBytes = 16
const checkBytes = 4
export const maxPayloadBytes = maxFrameBytes - headerBytes - checkBytes

const magic = 0xb17e
const moreFlag = 1

export interface Frame {
  readonly type: number
  /** 0 is the session itself. */
  readonly callId: number
  /** The message goes on in the next frame of the same type and call. */
  readonly more: boolean
  /** Decoded frames share memory with the chunk that they came in. */
  readonly payload: Uint8Array
}

/** `sequence` counts the frames of this direction; `key` is the start of the session's nonce. */
export const encodeFrame = (frame: Frame & { readonly sequence: number; readonly key: number }): Uint8Array => {
  const { payload, sequence } = frame
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length + checkBytes)
  bytes.writeUInt16LE(magic, 0)
  bytes.writeUInt8(frame.type, 2)
  bytes.writeUInt8(frame.more ? moreFlag : 0, 3)
  bytes.writeUInt32LE(frame.callId, 4)
  bytes.writeUInt32LE(payload.length, 8)
  bytes.writeUInt32LE(sequence, 12)
  bytes.set(payload, headerBytes)
  bytes.writeUInt32LE((sequence ^ frame.key) >>> 0, headerBytes + payload.length)
  return bytes
}

const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0

const hex = (value: number): string => `0x${value.toString(16)}`

/**
 * Cuts one session's byte stream into frames. A frame that lies whole in a chunk is handed out without a copy; one that is cut is
 * copied once, however many chunks it comes in.
 */
export class FrameDecoder {
  readonly #key: number
  readonly #onFrame: (frame: Frame) => void
  #sequence = 0
  #stopped = false
  /** The frame that the last chunk cut: its header, and the whole of it once the length is known. */
  readonly #header = new Uint8Array(headerBytes)
  #cutFrame: Uint8Array | undefined
  #cutBytes = 0

  constructor(options: { readonly key: number; readonly onFrame: (frame: Frame) => void }) {
    this.#key = options.key
    this.#onFrame = options.onFrame
  }

  /** No frame is handed out after this, not even from the chunk being decoded. */
  stop(): void {
    this.#stopped = true
  }

  /** What the bytes violate, or undefined; after a violation the decoder has stopped. */
  push(chunk: Uint8Array): string | undefined {
    let offset = 0
    while (!this.#stopped && offset < chunk.length) {
      const whole = this.#cutBytes === 0 && chunk.length - offset >= headerBytes
      if (whole) {
        const violation = this.#checkHeader(chunk, offset)
        if (violation !== undefined) {
          return this.#violated(violation)
        }
        const size = frameSize(chunk, offset)
        if (chunk.length - offset >= size) {
          const wrong = this.#accept(chunk, offset, size)
          if (wrong !== undefined) {
            return this.#violated(wrong)
          }
          offset += size
          continue
        }
      }
      const taken = this.#collect(chunk, offset)
      if (typeof taken === "string") {
        return this.#violated(taken)
      }
      offset += taken
    }
    return undefined
  }

  #violated(detail: string): string {
    this.#stopped = true
    return detail
  }

  /** Adds to the cut frame; gives the count of bytes taken, or the violation. */
  #collect(chunk: Uint8Array, offset: number): number | string {
    const target = this.#cutFrame ?? this.#header
    const taken = Math.min(target.length - this.#cutBytes, chunk.length - offset)
    target.set(chunk.subarray(offset, offset + taken), this.#cutBytes)
    this.#cutBytes += taken
    if (this.#cutBytes < target.length) {
      return taken
    }
    if (this.#cutFrame === undefined) {
      const violation = this.#checkHeader(this.#header, 0)
      if (violation !== undefined) {
        return violation
      }
      this.#cutFrame = new Uint8Array(frameSize(this.#header, 0))
      this.#cutFrame.set(this.#header)
      return taken
    }
    this.#cutFrame = undefined
    this.#cutBytes = 0
    return this.#accept(target, 0, target.length) ?? taken
  }

  #checkHeader(bytes: Uint8Array, at: number): string | undefined {
    const found = u32(bytes, at) & 0xffff
    if (found !== magic) {
      return `a frame begins with ${hex(found)}`
    }
    const length = u32(bytes, at + 8)
    if (length > maxPayloadBytes) {
      return `a frame announces ${length} bytes`
    }
    const sequence = u32(bytes, at + 12)
    return sequence === this.#sequence ? undefined : `frame ${sequence} came where ${this.#sequence} was due`
  }

  #accept(bytes: Uint8Array, at: number, size: number): string | undefined {
    const end = at + size - checkBytes
    if (u32(bytes, end) !== (this.#sequence ^ this.#key) >>> 0) {
      return `frame ${this.#sequence} has a wrong check`
    }
    this.#sequence = (this.#sequence + 1) >>> 0
    this.#onFrame({
      type: bytes[at + 2] ?? 0,
      more: ((bytes[at + 3] ?? 0) & moreFlag) !== 0,
      callId: u32(bytes, at + 4),
      payload: bytes.subarray(at + headerBytes, end)
    })
    return undefined
  }
}

const frameSize = (bytes: Uint8Array, at: number): number => headerBytes + u32(bytes, at + 8) + checkBytes
