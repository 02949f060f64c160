/** Cuts a byte stream into lines of JSON, within a bound: the form in which QMP speaks. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export interface JsonLinesOptions {
  /** Bytes that one line may have. */
  readonly longestLine: number
  /** Called for every value, in order. */
  readonly onValue: (value: unknown) => void
  /** Called once, when a line is too long or no JSON; nothing is read after it. */
  readonly onError: (detail: string) => void
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/**
 * Returns the function to feed chunks to. Chunks may end anywhere, within a character too. Lines end in LF or CR LF;
 * empty ones are skipped.
 */
export const jsonLines = (options: JsonLinesOptions): ((chunk: Uint8Array) => void) => {
  let parts: Array<Uint8Array> = []
  let length = 0
  let broken = false
  const fail = (detail: string): void => {
    broken = true
    parts = []
    options.onError(detail)
  }
  const keep = (part: Uint8Array): void => {
    length += part.length
    if (length > options.longestLine) fail(`a line of more than ${options.longestLine} bytes`)
    else if (part.length > 0) parts.push(part)
  }
  const endLine = (): void => {
    const text = Buffer.concat(parts).toString("utf8").trim()
    parts = []
    length = 0
    if (text === "") return
    const value = parse(text)
    if (Option.isSome(value)) options.onValue(value.value)
    else fail(`a line that is no JSON: ${text.slice(0, 200)}`)
  }
  return (chunk) => {
    let from = 0
    while (!broken) {
      const end = chunk.indexOf(0x0a, from)
      keep(chunk.subarray(from, end === -1 ? undefined : end))
      if (end === -1 || broken) return
      endLine()
      from = end + 1
    }
  }
}
