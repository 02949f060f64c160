/** Cuts the bytes of one stream socket into whole frames, without copying those that came whole. */
import { lengthAt, longestFrame, prefixBytes } from "./EthernetFrame.ts"

export interface FrameStreamOptions {
  /**
   * Called with bytes that hold whole frames, one after the other, each with its prefix. They are valid for as long as the caller keeps them,
   * and nobody may change them: the same bytes go to several receivers.
   */
  readonly onFrames: (bytes: Uint8Array) => void
  /** Called once, when a length can't be one; the stream is out of step and nothing is read after it. */
  readonly onError: (detail: string) => void
}

/** A frame whose end has not come yet, in room for all of it; only its prefix, while that is not whole. */
interface Partial {
  readonly bytes: Uint8Array
  filled: number
}

/** Returns the function to feed chunks to; they may end anywhere. */
export const frameStream = ({ onFrames, onError }: FrameStreamOptions): ((chunk: Uint8Array) => void) => {
  let partial: Partial | undefined
  let broken = false

  const isPossible = (length: number): boolean => {
    if (length <= longestFrame) return true
    broken = true
    onError(`a frame of ${length} bytes`)
    return false
  }

  /** The offset behind the last whole frame from `from` on. */
  const wholeUntil = (bytes: Uint8Array, from: number): number => {
    let offset = from
    while (bytes.length - offset >= prefixBytes) {
      const length = lengthAt(bytes, offset)
      if (!isPossible(length) || bytes.length - offset < prefixBytes + length) break
      offset += prefixBytes + length
    }
    return offset
  }

  /** Adds to the partial frame from the chunk's beginning; gives how much of the chunk it took. */
  const add = (to: Partial, chunk: Uint8Array): number => {
    const taken = Math.min(to.bytes.length - to.filled, chunk.length)
    to.bytes.set(chunk.subarray(0, taken), to.filled)
    to.filled += taken
    if (to.filled < to.bytes.length) return taken
    const length = lengthAt(to.bytes, 0)
    if (to.bytes.length === prefixBytes && length > 0) {
      if (isPossible(length)) partial = begin(to.bytes)
      return taken
    }
    partial = undefined
    onFrames(to.bytes)
    return taken
  }

  /** Copies the beginning of a frame out of its chunk, which it must not hold. */
  const begin = (head: Uint8Array): Partial => {
    const bytes = new Uint8Array(head.length < prefixBytes ? prefixBytes : prefixBytes + lengthAt(head, 0))
    bytes.set(head)
    return { bytes, filled: head.length }
  }

  return (chunk) => {
    let offset = 0
    while (partial !== undefined && !broken && offset < chunk.length) offset += add(partial, chunk.subarray(offset))
    if (broken || offset === chunk.length) return
    const end = wholeUntil(chunk, offset)
    if (end > offset) onFrames(chunk.subarray(offset, end))
    if (!broken && end < chunk.length) partial = begin(chunk.subarray(end))
  }
}
