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
