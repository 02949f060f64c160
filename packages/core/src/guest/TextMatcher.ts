/** Something that finds a place in a text: a regular expression of ours, or one that another program's engine knows. */
import * as Effect from "effect/Effect"

export interface TextMatch {
  readonly text: string
  /** Where it begins and ends, in UTF-16 code units. */
  readonly start: number
  readonly end: number
}

export interface TextMatcher<E = never> {
  /** As logs and errors show it. */
  readonly shown: string
  /** The first match in a text, if any. */
  readonly find: (text: string) => Effect.Effect<TextMatch | undefined, E>
}

/** The matcher of a JavaScript regular expression; its state (`lastIndex`) is neither read nor changed. */
export const regExpMatcher = (pattern: RegExp): TextMatcher => {
  const search = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/gu, ""))
  return {
    shown: String(pattern),
    find: (text) =>
      Effect.sync(() => {
        const match = search.exec(text)
        return match === null ? undefined : { text: match[0], start: match.index, end: match.index + match[0].length }
      })
  }
}
