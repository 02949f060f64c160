/** An exception of a script, whatever it threw, as a failure of the test. */
import { TestFailure } from "../machine/TestFailure.ts"

/** Assertion libraries put what they compared beside the message; a report wants to show it. */
const comparison = (error: Error): ReadonlyArray<{ readonly title: string; readonly text: string }> => {
  const show = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value, undefined, 2) ?? String(value)))
  if (!("actual" in error) || !("expected" in error) || error.actual === undefined) return []
  return [
    { title: "expected", text: show(error.expected) },
    { title: "actual", text: show(error.actual) }
  ]
}

export const scriptThrew = (thrown: unknown): TestFailure => {
  const error = thrown instanceof Error ? thrown : undefined
  const name = error?.name ?? "thrown value"
  const text = error === undefined ? `the script threw ${String(thrown)}` : `${error.name}: ${error.message}`
  const failure = new TestFailure({
    reason: { _tag: "ScriptThrew", name, text },
    evidence: error === undefined ? [] : comparison(error)
  })
  // The frames that matter are those of the script, not those of this function.
  if (error?.stack !== undefined) failure.stack = error.stack
  return failure
}
