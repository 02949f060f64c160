/** What was seen last, as errors carry it and reports show it. */
import * as Schema from "effect/Schema"

/** A named block of lines, such as the console's tail or a unit's status. */
export const Evidence = Schema.Struct({ title: Schema.String, text: Schema.String })
export type Evidence = typeof Evidence.Type

/** Most lines of one output that an error carries: enough to see why, little enough to read. */
const TAIL_LINES = 40

/** The last lines of a text, with a first line that says how many were left out. */
export const tailOf = (text: string, lines: number = TAIL_LINES): string => {
  const all = text.replace(/\n$/u, "").split("\n")
  return all.length <= lines
    ? all.join("\n")
    : [`… ${all.length - lines} lines before …`, ...all.slice(-lines)].join("\n")
}

/** An evidence block, or nothing where there is nothing to show. */
export const evidenceOf = (title: string, text: string): ReadonlyArray<Evidence> =>
  text.trim() === "" ? [] : [{ title, text: tailOf(text) }]
