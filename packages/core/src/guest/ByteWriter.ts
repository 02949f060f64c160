/** Builds a message of little-endian fields; grows as needed. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(sizeHint = 128) {
    this.#bytes = Buffer.allocUnsafe(sizeHint)
  }

  /** Makes room for `size` bytes and tells where they begin. */
  #reserve(size: number): number {
    const start = this.#length
    const end = start + size
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, start)
      this.#bytes = larger
    }
    this.#length = end
    return start
  }

  u8(value: number): this {
    const at = this.#reserve(1)
    this.#bytes.writeUInt8(value, at)
    return this
  }

  u16(value: number): this {
    const at = this.#reserve(2)
    this.#bytes.writeUInt16LE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#reserve(4)
    this.#bytes.writeUInt32LE(value, at)
    return this
  }

  i32(value: number): this {
    const at = this.#reserve(4)
    this.#bytes.writeInt32LE(value, at)
    return this
  }

  u64(value: bigint): this {
    const at = this.#reserve(8)
    this.#bytes.writeBigUInt64LE(value, at)
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** A u32 length and the text's UTF-8. */
  str(text: string): this {
    const size = Buffer.byteLength(text)
    this.u32(size)
    const at = this.#reserve(size)
    this.#bytes.write(text, at, size, "utf8")
    return this
  }

  /** What was written; the writer must not be used after it. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}
