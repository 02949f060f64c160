/**
 * Frames of the bridge to a Python script: lengths of header and payload (two 32-bit big-endian numbers), a JSON header, bytes. The header's
 * `parts` are the lengths of the byte strings that the payload is made of.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export interface BridgeFrame {
  readonly header: unknown
  readonly parts: ReadonlyArray<Uint8Array>
}

const lengthsBytes = 8

/** A script's text travels in a header; more than this is none. */
const longestHeader = 64 * 1024 * 1024

/** More than the guest channel keeps of a command's output. */
const longestPayload = 1024 * 1024 * 1024

/** A frame as bytes: one chunk for lengths and header, one for each part. */
export const encodeFrame = (
  header: Readonly<Record<string, unknown>>,
  parts: ReadonlyArray<Uint8Array> = []
): ReadonlyArray<Uint8Array> => {
  const json = Buffer.from(
    JSON.stringify(parts.length === 0 ? header : { ...header, parts: parts.map((part) => part.length) })
  )
  const head = Buffer.alloc(lengthsBytes + json.length)
  head.writeUInt32BE(json.length, 0)
  head.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    4
  )
  json.copy(head, lengthsBytes)
  return [head, ...parts]
}

const parseHeader = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))
const parseParts = Schema.decodeUnknownOption(
  Schema.Struct({ parts: Schema.Array(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))) })
)

/** The payload cut into its parts; none when their lengths do not add up to it. */
const cut = (header: unknown, payload: Uint8Array): ReadonlyArray<Uint8Array> | undefined => {
  const { parts } = Option.getOrElse(parseParts(header), () => ({ parts: [] }))
  const ends = parts.reduce<ReadonlyArray<number>>((known, length) => [...known, (known.at(-1) ?? 0) + length], [])
  if ((ends.at(-1) ?? 0) !== payload.length) return undefined
  return parts.map((length, index) => payload.subarray((ends[index] ?? 0) - length, ends[index]))
}

export interface BridgeReaderOptions {
  /** Called for every frame, in order. */
  readonly onFrame: (frame: BridgeFrame) => void
  /** Called once, when what comes is no frame; nothing is read after it. */
  readonly onError: (detail: string) => void
}

/** Returns the function to feed chunks to; they may end anywhere. */
export const bridgeReader = ({ onFrame, onError }: BridgeReaderOptions): ((chunk: Uint8Array) => void) => {
  let chunks: Array<Uint8Array> = []
  let held = 0
  let wanted = lengthsBytes
  let broken = false
  const fail = (detail: string): void => {
    broken = true
    chunks = []
    onError(detail)
  }
  /** The length of the frame that begins here. */
  const measure = (bytes: Buffer): number | undefined => {
    const [header, payload] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)]
    if (header <= longestHeader && payload <= longestPayload) return lengthsBytes + header + payload
    fail(`a frame that announces ${header} and ${payload} bytes`)
    return undefined
  }
  const take = (frame: Buffer): void => {
    const end = lengthsBytes + frame.readUInt32BE(0)
    const text = frame.toString("utf8", lengthsBytes, end)
    const header = parseHeader(text)
    if (Option.isNone(header)) return fail(`a header that is no JSON: ${text.slice(0, 200)}`)
    const parts = cut(header.value, frame.subarray(end))
    if (parts === undefined) return fail("a frame whose parts are not as long as it says")
    onFrame({ header: header.value, parts })
  }
  return (chunk) => {
    if (broken) return
    chunks.push(chunk)
    held += chunk.length
    // Joined only when there is something to read: a large frame comes in thousands of chunks.
    if (held < wanted) return
    let bytes: Buffer = Buffer.concat(chunks)
    wanted = lengthsBytes
    while (bytes.length >= wanted) {
      const length = measure(bytes)
      if (length === undefined) return
      wanted = length
      if (bytes.length < length) break
      take(bytes.subarray(0, length))
      if (broken) return
      bytes = bytes.subarray(length)
      wanted = lengthsBytes
    }
    chunks = [bytes]
    held = bytes.length
  }
}
