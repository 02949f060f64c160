/**
 * Ethernet frames as QEMU's stream sockets carry them: a length (32 bits, big-endian), then the frame from its destination address on, without
 * preamble and checksum.
 */

export const prefixBytes = 4

/** Destination, source, type. A shorter frame can't be forwarded. */
export const shortestFrame = 14

/** QEMU's own buffer for one frame (4 KiB over 64 KiB); a greater length means that the stream is out of step. */
export const longestFrame = 64 * 1024 + 4096

/** A hardware address as a number of 48 bits, which a double holds exactly. */
export type Mac = number

/** The address at an offset. */
export const macAt = (bytes: Uint8Array, offset: number): Mac => {
  const high = ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)
  const low =
    ((bytes[offset + 2] ?? 0) << 24) |
    ((bytes[offset + 3] ?? 0) << 16) |
    ((bytes[offset + 4] ?? 0) << 8) |
    (bytes[offset + 5] ?? 0)
  return high * 0x1_0000_0000 + (low >>> 0)
}

/** Broadcast and multicast addresses have the lowest bit of their first byte set: a frame for them goes to everybody. */
export const isGroupAt = (bytes: Uint8Array, offset: number): boolean => ((bytes[offset] ?? 0) & 1) === 1

/** The length that the prefix at an offset announces. */
export const lengthAt = (bytes: Uint8Array, offset: number): number =>
  (((bytes[offset] ?? 0) << 24) |
    ((bytes[offset + 1] ?? 0) << 16) |
    ((bytes[offset + 2] ?? 0) << 8) |
    (bytes[offset + 3] ?? 0)) >>>
  0
