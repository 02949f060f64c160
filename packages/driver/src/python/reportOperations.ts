/** What a Python script says to the report, and reads of the console. */
import { CurrentStep } from "@nix-vm-test/core/machine/Steps"
import { LogLevel } from "@nix-vm-test/core/events/Event"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { machineOperation, operation } from "./Operation.ts"

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
  getConsoleLog: machineOperation(Schema.Struct({}), (machine) =>
    Effect.map(machine.getConsoleLog(), (value) => ({ value }))
  )
}
