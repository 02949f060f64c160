/** Every operation of the bridge, by the name that Python calls it by. */
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import { addedMachines } from "./addedMachines.ts"
import { commandOperations } from "./commandOperations.ts"
import { consoleOperations } from "./consoleOperations.ts"
import { fileOperations } from "./fileOperations.ts"
import { lifecycleOperations } from "./lifecycleOperations.ts"
import { monitorOperations } from "./monitorOperations.ts"
import type { Operation } from "./Operation.ts"
import { stepOperations } from "./OpenSteps.ts"
import { reportOperations } from "./reportOperations.ts"
import { terminalOperations } from "./terminalOperations.ts"
import { unitOperations } from "./unitOperations.ts"
import { waitOperations } from "./waitOperations.ts"

/** The operations for one script: some keep what it opened, and machines that it adds are put into `machines`. */
export const makeOperations = (machines: Record<string, Machine>): ReadonlyMap<string, Operation> =>
  new Map<string, Operation>(
    Object.entries({
      ...commandOperations,
      ...unitOperations,
      ...waitOperations,
      ...consoleOperations,
      ...monitorOperations,
      ...fileOperations,
      ...terminalOperations,
      ...addedMachines(machines),
      ...lifecycleOperations(),
      ...reportOperations,
      ...stepOperations()
    })
  )
