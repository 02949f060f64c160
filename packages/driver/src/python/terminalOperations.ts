/** What a Python script has the person at the terminal do. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { machineOperation } from "./Operation.ts"

export const terminalOperations = {
  /** Gives the shell's exit code. */
  shell: machineOperation(Schema.Struct({}), (machine) => Effect.map(machine.shell(), (value) => ({ value })))
}
