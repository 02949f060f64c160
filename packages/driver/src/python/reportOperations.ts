/** What a Python script says to the report, and how the report shows consoles. */
import { CurrentStep } from "@nix-vm-test/core/machine/Steps"
import { LogLevel } from "@nix-vm-test/core/events/Event"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { operation } from "./Operation.ts"

const Line = Schema.Struct({ level: LogLevel, text: Schema.String, machine: Schema.NullOr(Schema.String) })

export const reportOperations = {
  log: operation(
    Line,
    Effect.fnUntraced(function* ({ level, text, machine }, { bus }) {
      const step = yield* CurrentStep
      yield* bus.publish({
        _tag: "Log",
        level,
        text,
        ...(machine === null ? {} : { machine }),
        ...(step === undefined ? {} : { step })
      })
      return {}
    })
  ),
  serialStdout: operation(Schema.Struct({ shown: Schema.Boolean }), ({ shown }, { bus }) =>
    Effect.as(bus.publish({ _tag: "ConsolesShown", shown }), {})
  )
}
