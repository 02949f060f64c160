/** What a link does to the frames that pass it in one direction: loss, delay, duplicates, disorder, damage, a limit on the rate. */
import { prefixBytes } from "./EthernetFrame.ts"
import { seededRandom } from "./Random.ts"

export interface ImpairmentOptions {
  /** Share of frames that vanish, 0 to 1. */
  readonly loss?: number
  /** Milliseconds that every frame takes. Under load a few more: a timer's granularity is one. */
  readonly delayMs?: number
  /** Milliseconds by which the delay of a frame differs at most, to either side. Frames may overtake each other. */
  readonly jitterMs?: number
  /** Share of frames that come twice. */
  readonly duplicate?: number
  /** Share of frames that are not delayed and so overtake the others; needs a delay. */
  readonly reorder?: number
  /** Share of frames of which one bit is turned over. */
  readonly corrupt?: number
  /** Bits a second. */
  readonly rateBps?: number
  /** Frames that may wait for their time; more are dropped. Default 1000. */
  readonly queueFrames?: number
}

/** Timers, for tests to put in their own. */
export interface Clock {
  readonly now: () => number
  /** Calls back after so many milliseconds; gives the function that cancels it. */
  readonly after: (ms: number, call: () => void) => () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  }
}

interface Waiting {
  readonly due: number
  /** Frames of one time stay in order. */
  readonly order: number
  readonly frame: Uint8Array
}

const defaultQueueFrames = 1000

/** One direction of a link. */
export class Impairment {
  readonly #options: ImpairmentOptions
  readonly #random: () => number
  readonly #clock: Clock
  readonly #deliver: (frame: Uint8Array) => void
  /** Sorted by time: nearly every frame goes to the end. */
  #waiting: Array<Waiting> = []
  #cancel: (() => void) | undefined
  #order = 0
  /** When the link, at its rate, is free again. */
  #freeAt = 0
  /** Frames that were dropped: by loss, and for want of room. */
  readonly counters = { lost: 0, overflowed: 0 }

  constructor(options: {
    readonly impairment: ImpairmentOptions
    readonly seed: number
    readonly deliver: (frame: Uint8Array) => void
    readonly clock?: Clock | undefined
  }) {
    this.#options = options.impairment
    this.#random = seededRandom(options.seed)
    this.#clock = options.clock ?? systemClock
    this.#deliver = options.deliver
  }

  /** Takes one frame, with its prefix. It is copied where it must wait. */
  push(frame: Uint8Array): void {
    const { loss = 0, duplicate = 0, corrupt = 0 } = this.#options
    if (this.#happens(loss)) {
      this.counters.lost++
      return
    }
    const damaged = this.#happens(corrupt) ? this.#damage(frame) : frame
    this.#schedule(damaged)
    if (this.#happens(duplicate)) this.#schedule(damaged)
  }

  /** Frames that wait are dropped with the link. */
  close(): void {
    this.#cancel?.()
    this.#waiting = []
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random() < share
  }

  #damage(frame: Uint8Array): Uint8Array {
    const copy = new Uint8Array(frame)
    const bit = Math.floor(this.#random() * (copy.length - prefixBytes) * 8)
    const byte = prefixBytes + (bit >>> 3)
    copy[byte] = (copy[byte] ?? 0) ^ (1 << (bit & 7))
    return copy
  }

  /** Milliseconds that this frame takes beside its turn. */
  #latency(): number {
    const { delayMs = 0, jitterMs = 0, reorder = 0 } = this.#options
    if (this.#happens(reorder)) return 0
    return jitterMs === 0 ? delayMs : Math.max(0, delayMs + (this.#random() * 2 - 1) * jitterMs)
  }

  #schedule(frame: Uint8Array): void {
    const { rateBps, queueFrames = defaultQueueFrames } = this.#options
    if (this.#waiting.length >= queueFrames) {
      this.counters.overflowed++
      return
    }
    const now = this.#clock.now()
    let due = now + this.#latency()
    if (rateBps !== undefined) {
      const begins = Math.max(now, this.#freeAt)
      this.#freeAt = begins + ((frame.length - prefixBytes) * 8000) / rateBps
      due += this.#freeAt - now
    }
    if (due <= now && this.#waiting.length === 0) {
      this.#deliver(frame)
      return
    }
    this.#insert({ due, order: this.#order++, frame: new Uint8Array(frame) })
  }

  #insert(waiting: Waiting): void {
    const after = this.#waiting.findLastIndex(({ due }) => due <= waiting.due)
    this.#waiting.splice(after + 1, 0, waiting)
    if (after === -1) this.#rearm()
  }

  #rearm(): void {
    this.#cancel?.()
    const [first] = this.#waiting
    this.#cancel =
      first === undefined
        ? undefined
        : this.#clock.after(Math.max(0, first.due - this.#clock.now()), () => this.#release())
  }

  #release(): void {
    const now = this.#clock.now()
    let count = 0
    while (count < this.#waiting.length && (this.#waiting[count]?.due ?? 0) <= now) count++
    for (const { frame } of this.#waiting.splice(0, count)) this.#deliver(frame)
    this.#rearm()
  }
}
