/** Collects one stream of output in memory, up to a limit. */
export class OutputBuffer {
  readonly #limitBytes: number
  readonly #chunks: Array<Uint8Array> = []
  #length = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** False when the limit would be passed; the chunk is not kept then. */
  add(chunk: Uint8Array): boolean {
    if (this.#length + chunk.length > this.#limitBytes) {
      return false
    }
    this.#length += chunk.length
    // A view keeps the whole of what the socket read alive: cheap for large chunks, up to 20 times the size for small ones.
    this.#chunks.push(chunk.length < smallChunkBytes ? chunk.slice() : chunk)
    return true
  }

  /** All of it, in one piece. */
  bytes(): Uint8Array {
    const [first] = this.#chunks
    if (first === undefined) {
      return new Uint8Array(0)
    }
    if (this.#chunks.length === 1) {
      return first
    }
    const whole = new Uint8Array(this.#length)
    let offset = 0
    for (const chunk of this.#chunks) {
      whole.set(chunk, offset)
      offset += chunk.length
    }
    return whole
  }
}

const smallChunkBytes = 4096
