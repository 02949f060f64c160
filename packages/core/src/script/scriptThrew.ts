/** An exception of a script, whatever it threw, as a failure of the test. */
import { inspect } from "node:util"
import { TestFailure } from "../machine/TestFailure.ts"

/** Whatever a script may throw or compare, on lines that a difference can be seen in. */
const show = (value: unknown): string =>
  typeof value === "string" ? value : inspect(value, { depth: 6, compact: false, sorted: true })

/** Assertion libraries put what they compared beside the message; a report wants to show it. */
const comparison = (error: Error): ReadonlyArray<{ readonly title: string; readonly text: string }> => {
  if (!("actual" in error) || !("expected" in error)) return []
  if (error.actual === undefined && error.expected === undefined) return []
  return [
    { title: "expected", text: show(error.expected) },
    { title: "actual", text: show(error.actual) }
  ]
}

export const scriptThrew = (thrown: unknown): TestFailure => {
  const error = thrown instanceof Error ? thrown : undefined
  const name = error?.name ?? "thrown value"
  const text = error === undefined ? `the script threw ${show(thrown)}` : `${error.name}: ${error.message}`
  const failure = new TestFailure({
    reason: { _tag: "ScriptThrew", name, text },
    evidence: error === undefined ? [] : comparison(error)
  })
  // The frames that matter are those of the script, not those of this function.
  if (error?.stack !== undefined) failure.stack = error.stack
  return failure
}
