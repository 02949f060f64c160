/** Every operation of the bridge, by the name that Python calls it by. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { commandOperations } from "./commandOperations.ts"
import type { Operation } from "./Operation.ts"
import { operation } from "./Operation.ts"

const groupOperations = {
  startAll: operation(Schema.Struct({}), (_, { group }) => Effect.as(group.startAll(), {}))
}

export const operations: ReadonlyMap<string, Operation> = new Map(
  Object.entries({ ...groupOperations, ...commandOperations })
)
