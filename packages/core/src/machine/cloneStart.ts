/** Loads a template's state into a clone and gives it what only the test has: its own disk size and its devices. */
import * as Effect from "effect/Effect"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import { rootDiskId } from "../plan/qemuArguments.ts"
import { cloneArguments } from "../plan/templateArguments.ts"
import { loadState } from "../qemu/savedState.ts"
import type { CloneStart } from "./Incarnation.ts"
import { MachineError } from "./MachineError.ts"
import { plugDevices } from "./pluggedDevices.ts"

const refused = (plan: MachinePlan, operation: string) => (error: { readonly message: string }) =>
  new MachineError({
    machine: plan.name,
    reason: { _tag: "MonitorRefused", operation, detail: error.message },
    evidence: []
  })

export const cloneStart = (options: {
  readonly plan: MachinePlan
  readonly template: { readonly ram: string; readonly state: string }
}): CloneStart => {
  const { plan, template } = options
  const { argv, plugged } = cloneArguments(plan, template.ram)
  return {
    argv,
    state: template.state,
    load: Effect.fnUntraced(function* (process) {
      yield* loadState(process.qmp).pipe(Effect.mapError(refused(plan, "the template's state")))
      if (plan.disk.grows) {
        yield* process.qmp
          .execute("block_resize", { device: rootDiskId, size: plan.disk.bytes })
          .pipe(Effect.mapError(refused(plan, "block_resize")))
      }
      yield* plugDevices({ machine: plan.name, qmp: process.qmp, devices: plugged })
    })
  }
}
