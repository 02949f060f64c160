/** Text from a guest, made harmless for a terminal. */

/** What strings that only a terminal understands look like: titles, hyperlinks, device control; ended or cut off. */
const controlString = String.raw`(?:\x1b[PX^_\]]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|$)`
/** Colours, cursor movements, modes. */
const controlSequence = String.raw`(?:\x1b\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]?`
/** Character sets, resets, keypad modes. */
const escape = String.raw`\x1b[\x20-\x2f]*[\x30-\x7e]?`
const sequences = new RegExp(`${controlString}|${controlSequence}|${escape}`, "gu")

/**
 * What is left of the control characters: C0 without the tab, C1, and the Unicode characters that end lines or turn the direction of text
 * around, with which a guest could make a line look like another.
 */
const characters = /(?!\t)[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu

/** One line without control sequences. Of parts that a carriage return wrote over each other the last one stays. */
export const stripControl = (line: string): string =>
  (line.split("\r").findLast((part) => part !== "") ?? "").replaceAll(sequences, "").replaceAll(characters, "")

/** The lines of a text, each without control sequences; a last line end makes no empty line. */
export const stripLines = (text: string): ReadonlyArray<string> => {
  const lines = text.split(/\r?\n/u)
  return (lines.at(-1) === "" ? lines.slice(0, -1) : lines).map(stripControl)
}

/** A sequence that the text's end cuts off, or may cut off. */
const cutOff = new RegExp(
  [
    String.raw`(?:\x1b[PX^_\]]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*\x1b?$`,
    String.raw`(?:\x1b\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*$`,
    String.raw`\x1b[\x20-\x2f]*$`
  ].join("|"),
  "u"
)
/** Control characters but for those that lay text out. */
const invisible = /(?![\t\n\r])[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu

/** Of a sequence that goes on and on, what later pieces need to know of it: how it began, and whether its end may have begun. */
const shortened = (sequence: string): string =>
  sequence.length < 256
    ? sequence
    : sequence.slice(0, sequence.startsWith("\u001b") ? 2 : 1) + (sequence.endsWith("\u001b") ? "\u001b" : "")

/** Takes control sequences out of a text that comes in pieces, wherever it is cut. Lines and tabs stay. */
export const makeControlStripper = (): ((piece: string) => string) => {
  let kept = ""
  return (piece) => {
    const text = kept + piece
    const end = text.search(cutOff)
    kept = end < 0 ? "" : shortened(text.slice(end))
    return (end < 0 ? text : text.slice(0, end)).replaceAll(sequences, "").replaceAll(invisible, "")
  }
}
