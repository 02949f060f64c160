/**
 * A learning Ethernet switch: frames come in at a port and leave where their destination was last seen, else everywhere. No sockets here.
 *
 * A port belongs to a machine's place in the network, not to a connection: what was learnt, counted and impaired stays when a machine starts
 * anew.
 */
import { isGroupAt, lengthAt, macAt, prefixBytes, shortestFrame } from "./EthernetFrame.ts"
import type { Mac } from "./EthernetFrame.ts"
import type { Clock, ImpairmentOptions } from "./Impairment.ts"
import { Impairment } from "./Impairment.ts"
import { derivedSeed } from "./Random.ts"

/** Where a port's frames go. */
export interface PortOutput {
  /** Takes frames with their prefixes; they must not be changed. */
  readonly write: (frames: Uint8Array) => void
  /** Bytes that were written and are still on their way. */
  readonly queued: () => number
}

export interface PortCounters {
  framesIn: number
  bytesIn: number
  framesOut: number
  bytesOut: number
  /** Frames for this port that its receiver had no room for, or that came while nobody was connected. */
  droppedFull: number
  /** Frames for this port that a partition kept from it. */
  droppedPartition: number
  /** Frames for this port that a fault took: loss, or a full queue of delayed ones. */
  droppedFault: number
}

export interface SwitchOptions {
  /** Bytes that may be on their way to one port; more are dropped, as a real switch does. Default 1 MiB. */
  readonly maxQueueBytes?: number
  /** Faults repeat with it. Default 1. */
  readonly seed?: number
  readonly clock?: Clock
  /** Hears of a fault that failed; the network goes on without it. */
  readonly onFaultError?: (error: unknown) => void
}

const defaultMaxQueueBytes = 1024 * 1024

/** More addresses than that are no test's; a flood of them must not fill the memory. */
const mostAddresses = 4096

/** A place in the network. */
export class SwitchPort {
  readonly counters: PortCounters = {
    framesIn: 0,
    bytesIn: 0,
    framesOut: 0,
    bytesOut: 0,
    droppedFull: 0,
    droppedPartition: 0,
    droppedFault: 0
  }
  /** The receiver, while one is connected. */
  output: PortOutput | undefined
  /** The source of the last frame: a guest has few, so that most frames need not be learnt. */
  lastSource: Mac = -1
  readonly id: number
  readonly name: string

  constructor(id: number, name: string) {
    this.id = id
    this.name = name
  }
}

/** Ordered: a fault acts on one direction. */
const linkKey = (from: SwitchPort, to: SwitchPort): number => from.id * 65_536 + to.id

export class EthernetSwitch {
  readonly #options: SwitchOptions
  readonly #maxQueueBytes: number
  readonly #ports: Array<SwitchPort> = []
  readonly #places = new Map<Mac, SwitchPort>()
  readonly #partitioned = new Set<number>()
  readonly #impairments = new Map<number, Impairment>()

  /** Sees every frame once, as it came in; must not throw. To be there only while somebody looks: it costs a piece of memory for each frame. */
  watcher: ((port: SwitchPort, frame: Uint8Array) => void) | undefined

  constructor(options: SwitchOptions = {}) {
    this.#options = options
    this.#maxQueueBytes = options.maxQueueBytes ?? defaultMaxQueueBytes
  }

  addPort(name: string): SwitchPort {
    const port = new SwitchPort(this.#ports.length, name)
    this.#ports.push(port)
    return port
  }

  /** Connects a receiver; frames for a port without one are dropped. */
  connect(port: SwitchPort, output: PortOutput): void {
    port.output = output
  }

  /** The machine behind the port is gone, and its addresses with it. */
  disconnect(port: SwitchPort): void {
    port.output = undefined
    port.lastSource = -1
    for (const [mac, place] of this.#places) if (place === port) this.#places.delete(mac)
  }

  /** Keeps frames of one port from another, in this direction. */
  block(from: SwitchPort, to: SwitchPort): void {
    this.#partitioned.add(linkKey(from, to))
  }

  unblock(from: SwitchPort, to: SwitchPort): void {
    this.#partitioned.delete(linkKey(from, to))
  }

  /** Impairs one direction between two ports; replaces what impaired it, and heals it without options. */
  impair(from: SwitchPort, to: SwitchPort, impairment: ImpairmentOptions | undefined): void {
    const key = linkKey(from, to)
    this.#heal(key, to)
    if (impairment === undefined) return
    this.#impairments.set(
      key,
      new Impairment({
        impairment,
        seed: derivedSeed(this.#options.seed ?? 1, from.id, to.id),
        clock: this.#options.clock,
        deliver: (frame) => this.#write(to, frame, 1)
      })
    )
  }

  #heal(key: number, to: SwitchPort): void {
    const former = this.#impairments.get(key)
    if (former === undefined) return
    former.close()
    this.#impairments.delete(key)
    to.counters.droppedFault += former.counters.lost + former.counters.overflowed
  }

  /** Every address that is known, and its port. */
  addresses(): ReadonlyMap<Mac, SwitchPort> {
    return this.#places
  }

  /** Counters of a port, with what its impairments dropped so far. */
  countersOf(port: SwitchPort): PortCounters {
    const lost = this.#ports.reduce((sum, from) => {
      const counters = this.#impairments.get(linkKey(from, port))?.counters
      return counters === undefined ? sum : sum + counters.lost + counters.overflowed
    }, 0)
    return { ...port.counters, droppedFault: port.counters.droppedFault + lost }
  }

  /**
   * Takes whole frames from a port, as a `FrameStream` cuts them. Neighbours for the same port leave as one piece: what costs is the call, not
   * the byte.
   */
  receive(from: SwitchPort, frames: Uint8Array): void {
    const { watcher } = this
    let offset = 0
    /** Frames for one port that have not left yet. */
    let run: { readonly to: SwitchPort; readonly begin: number; count: number } | undefined
    const flush = (end: number): void => {
      if (run !== undefined) this.#write(run.to, frames.subarray(run.begin, end), run.count)
      run = undefined
    }
    while (offset < frames.length) {
      const end = offset + prefixBytes + lengthAt(frames, offset)
      from.counters.framesIn++
      from.counters.bytesIn += end - offset - prefixBytes
      if (watcher !== undefined) watcher(from, frames.subarray(offset, end))
      const to = end - offset < prefixBytes + shortestFrame ? from : this.#placeOf(from, frames, offset + prefixBytes)
      if (to === undefined) {
        flush(offset)
        this.#flood(from, frames.subarray(offset, end))
      } else if (to === from) {
        flush(offset)
      } else if (this.#isClear(from, to)) {
        if (run?.to === to) run.count++
        else {
          flush(offset)
          run = { to, begin: offset, count: 1 }
        }
      } else {
        flush(offset)
        this.#pass(from, to, frames.subarray(offset, end))
      }
      offset = end
    }
    flush(offset)
  }

  /** Learns where the frame came from, and looks up where it goes; none is everywhere. */
  #placeOf(from: SwitchPort, frames: Uint8Array, at: number): SwitchPort | undefined {
    const source = macAt(frames, at + 6)
    if (source !== from.lastSource && !isGroupAt(frames, at + 6)) {
      from.lastSource = source
      if (this.#places.has(source) || this.#places.size < mostAddresses) this.#places.set(source, from)
    }
    return isGroupAt(frames, at) ? undefined : this.#places.get(macAt(frames, at))
  }

  #isClear(from: SwitchPort, to: SwitchPort): boolean {
    if (this.#impairments.size === 0 && this.#partitioned.size === 0) return true
    const key = linkKey(from, to)
    return !this.#impairments.has(key) && !this.#partitioned.has(key)
  }

  #flood(from: SwitchPort, frame: Uint8Array): void {
    for (const to of this.#ports) if (to !== from) this.#pass(from, to, frame)
  }

  /** One frame over one link, whatever is done to that link. */
  #pass(from: SwitchPort, to: SwitchPort, frame: Uint8Array): void {
    const key = linkKey(from, to)
    if (this.#partitioned.has(key)) {
      to.counters.droppedPartition++
      return
    }
    const impairment = this.#impairments.get(key)
    if (impairment === undefined) {
      this.#write(to, frame, 1)
      return
    }
    try {
      impairment.push(frame)
    } catch (error) {
      this.#impairments.delete(key)
      this.#options.onFaultError?.(error)
      this.#write(to, frame, 1)
    }
  }

  #write(to: SwitchPort, frames: Uint8Array, count: number): void {
    const { output, counters } = to
    if (output === undefined || output.queued() > this.#maxQueueBytes) {
      counters.droppedFull += count
      return
    }
    counters.framesOut += count
    counters.bytesOut += frames.length - count * prefixBytes
    output.write(frames)
  }
}
