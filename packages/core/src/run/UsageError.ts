/** The call itself can't be carried out: wrong words on the command line, a path that is not there, a name that is taken. */
import * as Schema from "effect/Schema"

export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", {
  text: Schema.String,
  hint: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return this.text
  }
}
