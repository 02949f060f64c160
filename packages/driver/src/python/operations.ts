/** Every operation of the bridge, by the name that Python calls it by. */
import { commandOperations } from "./commandOperations.ts"
import { fileOperations } from "./fileOperations.ts"
import { lifecycleOperations } from "./lifecycleOperations.ts"
import type { Operation } from "./Operation.ts"
import { stepOperations } from "./OpenSteps.ts"
import { reportOperations } from "./reportOperations.ts"
import { unitOperations } from "./unitOperations.ts"
import { waitOperations } from "./waitOperations.ts"

/** The operations for one script: some keep what it opened. */
export const makeOperations = (): ReadonlyMap<string, Operation> =>
  new Map<string, Operation>(
    Object.entries({
      ...commandOperations,
      ...unitOperations,
      ...waitOperations,
      ...fileOperations,
      ...lifecycleOperations(),
      ...reportOperations,
      ...stepOperations()
    })
  )
