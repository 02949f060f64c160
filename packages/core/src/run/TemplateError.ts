/** A template could not be made. Never a reason for a test to fail: the machine boots instead. */
import * as Schema from "effect/Schema"

export class TemplateError extends Schema.TaggedError<TemplateError>()("TemplateError", {
  /** What was being done. */
  step: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.step}: ${this.detail}`
  }
}
