/** A call of a Python script with arguments that the operation does not take: the script's mistake, raised in it. */
import * as Schema from "effect/Schema"

export class BadCall extends Schema.TaggedError<BadCall>()("BadCall", {
  /** The class of Python's exception: `TypeError`, `ValueError`; `internal` is a defect of the driver's. */
  kind: Schema.Literals(["type", "value", "internal"]),
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}
