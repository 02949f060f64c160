/** The networks of a run could not do their part. */
import * as Schema from "effect/Schema"

/** The thread of the switches has ended. */
export const SwitchEnded = Schema.TaggedStruct("SwitchEnded", { detail: Schema.String })
/** The switch refused a command. */
export const Refused = Schema.TaggedStruct("Refused", { command: Schema.String, detail: Schema.String })
/** A fault failed while frames passed it. */
export const FaultFailed = Schema.TaggedStruct("FaultFailed", { network: Schema.String, detail: Schema.String })

export class NetworkError extends Schema.TaggedError<NetworkError>()("NetworkError", {
  reason: Schema.Union([SwitchEnded, Refused, FaultFailed])
}) {
  override get message(): string {
    switch (this.reason._tag) {
      case "SwitchEnded":
        return `the switch of the test's networks has ended: ${this.reason.detail}`
      case "Refused":
        return `the switch refused ${this.reason.command}: ${this.reason.detail}`
      case "FaultFailed":
        return `a fault of network ${this.reason.network} failed and was taken away: ${this.reason.detail}`
    }
  }
}
