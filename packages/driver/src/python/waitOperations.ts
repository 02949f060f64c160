/** Waits for files, ports and sockets, as a Python script asks for them. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { machineOperation } from "./Operation.ts"

const timeout = { timeout: Schema.Finite }
const Port = Schema.Struct({ port: Schema.Int, address: Schema.String, ...timeout })

export const waitOperations = {
  waitForFile: machineOperation(Schema.Struct({ path: Schema.String, ...timeout }), (machine, { path, ...options }) =>
    Effect.as(machine.waitForFile(path, options), {})
  ),
  waitForOpenPort: machineOperation(Port, (machine, { port, ...options }) =>
    Effect.as(machine.waitForOpenPort(port, options), {})
  ),
  waitForClosedPort: machineOperation(Port, (machine, { port, ...options }) =>
    Effect.as(machine.waitForClosedPort(port, options), {})
  ),
  waitForOpenUnixSocket: machineOperation(
    Schema.Struct({ path: Schema.String, datagram: Schema.Boolean, ...timeout }),
    (machine, { path, ...options }) => Effect.as(machine.waitForOpenUnixSocket(path, options), {})
  )
}
