/** Where the report writes: stdout, or for a time whoever has the terminal. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface ReportOutput {
  readonly write: (text: string) => void
  /** What is written until the Scope closes goes to `to`. */
  readonly divert: (to: (text: string) => void) => Effect.Effect<void, never, Scope.Scope>
}

export const makeReportOutput = (): ReportOutput => {
  const toStdout = (text: string): void => void process.stdout.write(text)
  let target = toStdout
  return {
    write: (text) => target(text),
    divert: (to) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          target = to
        }),
        () =>
          Effect.sync(() => {
            target = toStdout
          })
      )
  }
}
