/** A capture file in the pcapng format, as Wireshark reads it: one interface for each port of a network. */

const blockTypes = { section: 0x0a0d0d0a, interface: 1, packet: 6 } as const
const byteOrderMagic = 0x1a2b3c4d
const linkTypeEthernet = 1
const options = { end: 0, interfaceName: 2, timeResolution: 9 } as const
/** Timestamps count microseconds: 10^-6. */
const microseconds = 6

const padded = (length: number): number => (length + 3) & ~3

const option = (code: number, value: Uint8Array): Buffer => {
  const buffer = Buffer.alloc(4 + padded(value.length))
  buffer.writeUInt16LE(code, 0)
  buffer.writeUInt16LE(value.length, 2)
  buffer.set(value, 4)
  return buffer
}

const block = (type: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const length = 12 + parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(type, 0)
  head.writeUInt32LE(length, 4)
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(length, 0)
  return Buffer.concat([head, ...parts, tail])
}

const endOfOptions = option(options.end, new Uint8Array())

/** The file's beginning. */
export const sectionHeader = (): Uint8Array => {
  const body = Buffer.alloc(16)
  body.writeUInt32LE(byteOrderMagic, 0)
  body.writeUInt16LE(1, 4)
  body.writeUInt16LE(0, 6)
  // The section's length is unknown.
  body.fill(0xff, 8)
  return block(blockTypes.section, body)
}

/** Describes the next interface; packets name it by its number, from 0. */
export const interfaceDescription = (name: string): Uint8Array => {
  const body = Buffer.alloc(8)
  body.writeUInt16LE(linkTypeEthernet, 0)
  return block(
    blockTypes.interface,
    body,
    option(options.interfaceName, Buffer.from(name)),
    option(options.timeResolution, Uint8Array.of(microseconds)),
    endOfOptions
  )
}

export interface PacketOptions {
  /** The interface's number. */
  readonly interface: number
  /** Milliseconds since the Unix epoch; fractions count. */
  readonly time: number
  /** From the destination address on. */
  readonly frame: Uint8Array
  /** Bytes of the frame that are kept. Default: all. */
  readonly snapLength?: number | undefined
}

/** One captured frame. */
export const enhancedPacket = ({ interface: number, time, frame, snapLength }: PacketOptions): Uint8Array => {
  const kept = Math.min(frame.length, snapLength ?? frame.length)
  const body = Buffer.alloc(20 + padded(kept))
  const stamp = BigInt(Math.round(time * 1000))
  body.writeUInt32LE(number, 0)
  body.writeUInt32LE(Number(stamp >> 32n), 4)
  body.writeUInt32LE(Number(stamp & 0xffff_ffffn), 8)
  body.writeUInt32LE(kept, 12)
  body.writeUInt32LE(frame.length, 16)
  body.set(frame.subarray(0, kept), 20)
  return block(blockTypes.packet, body)
}
