/** Machines that a Python script adds to its test. */
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { BadCall } from "./BadCall.ts"
import type { Operation } from "./Operation.ts"
import { operation } from "./Operation.ts"

const Added = Schema.Struct({ name: Schema.String, spec: Schema.Record(Schema.String, Schema.Unknown) })

const refused = (detail: string) => new BadCall({ kind: "value", detail })

/** The operation, over the script's machines by name. */
export const addedMachines = (machines: Record<string, Machine>): Readonly<Record<"createMachine", Operation>> => ({
  createMachine: operation(Added, ({ name, spec }, { addMachine }) =>
    (addMachine === undefined
      ? Effect.fail(refused("no machine can be added to this test"))
      : Effect.mapError(addMachine(name, spec), (error) => refused(error.message))
    ).pipe(
      Effect.map((machine) => {
        machines[name] = machine
        return {}
      })
    )
  )
})
