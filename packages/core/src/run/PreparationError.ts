/** An image could not be prepared: its one boot with cloud-init's seed did not end as it should. */
import * as Schema from "effect/Schema"
import { Evidence } from "../machine/evidence.ts"

/** The guest did not get as far as a settled system; cloud-init may never have seen the seed. */
export const NotEntered = Schema.TaggedStruct("NotEntered", { detail: Schema.String })
/** cloud-init did not come to its end, or says that it failed. */
export const CloudInitFailed = Schema.TaggedStruct("CloudInitFailed", { detail: Schema.String })
/** The guest was told to power off and did not. */
export const NotPoweredOff = Schema.TaggedStruct("NotPoweredOff", { detail: Schema.String })

const PreparationReason = Schema.Union([NotEntered, CloudInitFailed, NotPoweredOff])
type PreparationReason = typeof PreparationReason.Type

const explain = (reason: PreparationReason): string => {
  switch (reason._tag) {
    case "NotEntered":
      return reason.detail
    case "CloudInitFailed":
      return `cloud-init failed: ${reason.detail}`
    case "NotPoweredOff":
      return `the guest did not power itself off: ${reason.detail}`
  }
}

export class PreparationError extends Schema.TaggedError<PreparationError>()("PreparationError", {
  image: Schema.String,
  reason: PreparationReason,
  evidence: Schema.Array(Evidence),
  hint: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `${this.image} can't be prepared for tests: ${explain(this.reason)}`
  }
}
