/** Writes what passes a network into a pcapng file, without ever holding the network up. */
import * as fs from "node:fs"
import { prefixBytes } from "./EthernetFrame.ts"
import { enhancedPacket, interfaceDescription, sectionHeader } from "./Pcapng.ts"

/** Bytes that may wait for the disk; frames beyond are not captured, and counted. */
const mostPending = 16 * 1024 * 1024

export class CaptureFile {
  readonly #stream: fs.WriteStream
  readonly #interfaces = new Map<string, number>()
  readonly #snapLength: number | undefined
  /** Frames that the disk was too slow for. */
  missed = 0

  constructor(options: { readonly file: string; readonly snapLength?: number | undefined }) {
    this.#stream = fs.createWriteStream(options.file)
    this.#snapLength = options.snapLength
    this.#stream.write(sectionHeader())
  }

  /** Takes a frame, with its prefix, that came in at a port. */
  add(port: string, frame: Uint8Array): void {
    if (this.#stream.writableLength > mostPending) {
      this.missed++
      return
    }
    this.#stream.write(
      enhancedPacket({
        interface: this.#interfaceOf(port),
        time: performance.timeOrigin + performance.now(),
        frame: frame.subarray(prefixBytes),
        snapLength: this.#snapLength
      })
    )
  }

  #interfaceOf(port: string): number {
    const known = this.#interfaces.get(port)
    if (known !== undefined) return known
    const number = this.#interfaces.size
    this.#interfaces.set(port, number)
    this.#stream.write(interfaceDescription(port))
    return number
  }

  /** Writes what is left; rejects where the file could not be written. */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.once("error", reject)
      if (this.#stream.errored !== null) reject(this.#stream.errored)
      else this.#stream.end(() => resolve())
    })
  }
}
