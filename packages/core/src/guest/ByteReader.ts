/**
 * Reads little-endian fields of a message that may be hostile: a read beyond the end gives zero and marks the whole message as
 * malformed, so that a decoder can read straight through and ask once, at its end.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0
  #malformed = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Where a field of `size` bytes begins, or undefined when the message ends before its end. */
  #advance(size: number): number | undefined {
    const start = this.#offset
    if (this.#malformed || size > this.#bytes.length - start) {
      this.#malformed = true
      return undefined
    }
    this.#offset = start + size
    return start
  }

  u8(): number {
    const at = this.#advance(1)
    return at === undefined ? 0 : this.#view.getUint8(at)
  }

  u16(): number {
    const at = this.#advance(2)
    return at === undefined ? 0 : this.#view.getUint16(at, true)
  }

  u32(): number {
    const at = this.#advance(4)
    return at === undefined ? 0 : this.#view.getUint32(at, true)
  }

  i32(): number {
    const at = this.#advance(4)
    return at === undefined ? 0 : this.#view.getInt32(at, true)
  }

  /** The nearest double: exact up to 2^53, which no count of bytes reaches; of nanoseconds since the epoch it keeps the microsecond. */
  u64(): number {
    const at = this.#advance(8)
    return at === undefined ? 0 : Number(this.#view.getBigUint64(at, true))
  }

  skip(size: number): void {
    this.#advance(size)
  }

  /** A view into the message, not a copy. */
  bytes(size: number): Uint8Array {
    const at = this.#advance(size)
    return at === undefined ? new Uint8Array(0) : this.#bytes.subarray(at, at + size)
  }

  /** Everything from here to the end. */
  rest(): Uint8Array {
    return this.bytes(this.remaining)
  }

  /** A u32 length and as many bytes of UTF-8; what is no UTF-8 becomes U+FFFD. */
  str(): string {
    return decoder.decode(this.bytes(this.u32()))
  }

  /** For a field whose value the protocol does not know. */
  reject(): void {
    this.#malformed = true
  }

  get remaining(): number {
    return this.#malformed ? 0 : this.#bytes.length - this.#offset
  }

  /** Every field was there, and nothing follows them. */
  get isComplete(): boolean {
    return !this.#malformed && this.#offset === this.#bytes.length
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
