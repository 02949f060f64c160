/** Whole lines from chunks of several streams. */

/** Characters after which a line that does not end is taken as it is. */
const longestLine = 16 * 1024

export interface LineAssembler {
  /** Lines that the chunk completes. */
  readonly push: (stream: string, chunk: string) => ReadonlyArray<string>
  /** What the stream ended with, where that was no line end. */
  readonly end: (stream: string) => ReadonlyArray<string>
}

export const makeLineAssembler = (): LineAssembler => {
  const open = new Map<string, string>()
  return {
    push: (stream, chunk) => {
      const lines = `${open.get(stream) ?? ""}${chunk}`.split("\n")
      const rest = lines.pop() ?? ""
      const isTooLong = rest.length > longestLine
      open.set(stream, isTooLong ? "" : rest)
      return isTooLong ? [...lines, rest] : lines
    },
    end: (stream) => {
      const rest = open.get(stream) ?? ""
      open.delete(stream)
      return rest === "" ? [] : [rest]
    }
  }
}
