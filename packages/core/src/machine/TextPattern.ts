/** What scripts give to waits for text: a regular expression, its source, or a matcher of their own. */
import type { TextMatcher } from "../guest/TextMatcher.ts"
import { regExpMatcher } from "../guest/TextMatcher.ts"
import type { OperationError } from "./MachineContext.ts"

/** A regular expression, the source of one, or anything else that finds a place in a text. */
export type TextPattern = RegExp | string | TextMatcher<OperationError>

export const matcherOf = (pattern: TextPattern): TextMatcher<OperationError> => {
  if (typeof pattern === "string") return { ...regExpMatcher(new RegExp(pattern, "u")), shown: pattern }
  return pattern instanceof RegExp ? regExpMatcher(pattern) : pattern
}
