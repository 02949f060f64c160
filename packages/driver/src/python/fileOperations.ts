/** Copies between host and guest and the folders of a run, as a Python script asks for them. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { machineOperation } from "./Operation.ts"

export const fileOperations = {
  copyFromHost: machineOperation(
    Schema.Struct({ source: Schema.String, target: Schema.String, intoFolder: Schema.Boolean }),
    (machine, { source, target, intoFolder }) => Effect.as(machine.copyFromHost(source, target, { intoFolder }), {})
  ),
  /** Into a folder of the output folder, by the source's own name. */
  copyFromMachine: machineOperation(
    Schema.Struct({ source: Schema.String, targetDirectory: Schema.String }),
    (machine, { source, targetDirectory }) =>
      Effect.as(machine.copyToHost(source, path.join(targetDirectory, path.posix.basename(source))), {})
  ),
  folders: machineOperation(Schema.Struct({}), ({ folders, exchange }) =>
    Effect.succeed({ value: { ...folders, shared: exchange?.shared ?? null } })
  )
}
