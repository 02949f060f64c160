/** Copies between host and guest, as a Python script asks for them. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { machineOperation } from "./Operation.ts"

export const fileOperations = {
  copyFromHost: machineOperation(
    Schema.Struct({ source: Schema.String, target: Schema.String }),
    (machine, { source, target }) => Effect.as(machine.copyFromHost(source, target), {})
  ),
  /** Into a folder of the output folder, by the source's own name. */
  copyFromMachine: machineOperation(
    Schema.Struct({ source: Schema.String, targetDirectory: Schema.String }),
    (machine, { source, targetDirectory }) =>
      Effect.as(machine.copyToHost(source, path.join(targetDirectory, path.posix.basename(source))), {})
  )
}
