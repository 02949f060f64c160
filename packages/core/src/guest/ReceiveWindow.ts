/**
 * The host's side of the flow control of one stream: what the agent may still send, and when credit is due.
 */
export class ReceiveWindow {
  readonly #size: number
  #granted: number
  #consumed = 0
  #received = 0

  constructor(size: number) {
    this.#size = size
    this.#granted = size
  }

  /** Bytes that came, since the call began. */
  get received(): number {
    return this.#received
  }

  /** Accounts for bytes that came; false when they are more than was granted. */
  receive(bytes: number): boolean {
    this.#received += bytes
    this.#granted -= bytes
    return this.#granted >= 0
  }

  /**
   * Accounts for bytes that nobody holds any more and gives the credit to return now. That is none until half of the window is due: each
   * credit costs the guest a wake-up, and a window of 2 MiB returned by halves moved bulk data at a quarter of the CPU of finer grains.
   */
  consume(bytes: number): number {
    this.#consumed += bytes
    if (this.#consumed * 2 < this.#size) {
      return 0
    }
    const credit = this.#consumed
    this.#consumed = 0
    this.#granted += credit
    return credit
  }

  /** Bytes that came and were not consumed yet. */
  get held(): number {
    return this.#size - this.#granted - this.#consumed
  }
}

/** What bulk transfer wants, for every stream of output. */
export const outputWindowBytes = 2 * 1024 * 1024
