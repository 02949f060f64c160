/** From what users wrote to a `TestSpec`, or to all that is wrong with it at once. */
import * as Arr from "effect/Array"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { problemsOf } from "./problemsOf.ts"
import { SpecError } from "./SpecError.ts"
import { TestSpec } from "./TestSpec.ts"

const decode = Schema.decodeUnknownResult(TestSpec, { errors: "all", onExcessProperty: "error", reportInput: true })

/** Decodes a spec; `origin` names it in errors (a file's name, `defineTest`). */
export const decodeSpec = (options: {
  readonly spec: unknown
  readonly origin: string
}): Result.Result<TestSpec, SpecError> =>
  Result.mapError(decode(options.spec), (error) => {
    const problems = problemsOf(error.issue)
    return new SpecError({
      origin: options.origin,
      reason: {
        _tag: "InvalidSpec",
        problems: Arr.isReadonlyArrayNonEmpty(problems) ? problems : [{ path: "", message: error.message }]
      }
    })
  })

/** The same for JSON text. */
export const decodeSpecJson = (options: {
  readonly text: string
  readonly origin: string
}): Result.Result<TestSpec, SpecError> =>
  Result.try({
    try: (): unknown => JSON.parse(options.text),
    catch: (cause) =>
      new SpecError({
        origin: options.origin,
        reason: { _tag: "NotJson", detail: cause instanceof Error ? cause.message : String(cause) }
      })
  }).pipe(Result.flatMap((spec) => decodeSpec({ spec, origin: options.origin })))
