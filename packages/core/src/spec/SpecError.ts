/** A test's description that can't be used, with everything that is wrong in it. */
import * as Schema from "effect/Schema"

/** One thing that is wrong. */
export const SpecProblem = Schema.Struct({
  /** Such as `machines.server.memory`; empty for the spec as a whole. */
  path: Schema.String,
  /** What is wrong: what was found, what was expected, what was probably meant. */
  message: Schema.String
})
export type SpecProblem = typeof SpecProblem.Type

export const InvalidSpec = Schema.TaggedStruct("InvalidSpec", { problems: Schema.NonEmptyArray(SpecProblem) })
/** The text is no JSON. */
export const NotJson = Schema.TaggedStruct("NotJson", { detail: Schema.String })

export class SpecError extends Schema.TaggedError<SpecError>()("SpecError", {
  /** Where the spec came from, such as a file's name. */
  origin: Schema.String,
  reason: Schema.Union([InvalidSpec, NotJson])
}) {
  override get message(): string {
    if (this.reason._tag === "NotJson") return `${this.origin} is not JSON: ${this.reason.detail}`
    const { problems } = this.reason
    const lines = problems.map(({ path, message }) => (path === "" ? `  ${message}` : `  ${path}: ${message}`))
    return [`${this.origin}: ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}`, ...lines].join(
      "\n"
    )
  }
}
