/** A machine's QEMU, as a Python script asks for it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { machineOperation } from "./Operation.ts"

const none = Schema.Struct({})

const toJson = Schema.decodeUnknownOption(Schema.Json)

/** What QEMU says came as JSON. */
const jsonOf = (value: unknown): Schema.Json => Option.getOrElse(toJson(value), () => null)

export const monitorOperations = {
  qmp: machineOperation(
    Schema.Struct({ command: Schema.String, arguments: Schema.Record(Schema.String, Schema.Unknown) }),
    (machine, args) => Effect.map(machine.qmp(args.command, args.arguments), (value) => ({ value: jsonOf(value) }))
  ),
  sendMonitorCommand: machineOperation(Schema.Struct({ command: Schema.String }), (machine, { command }) =>
    Effect.map(machine.sendMonitorCommand(command), (value) => ({ value }))
  ),
  waitForQmpEvent: machineOperation(Schema.Struct({ timeout: Schema.Finite }), (machine, options, { ask }) =>
    Effect.map(
      machine.waitForQmpEvent((event) => Effect.map(ask(jsonOf(event)), (fits) => fits === true), options),
      (event) => ({ value: jsonOf(event) })
    )
  ),
  block: machineOperation(none, (machine) => Effect.as(machine.block(), {})),
  unblock: machineOperation(none, (machine) => Effect.as(machine.unblock(), {}))
}
