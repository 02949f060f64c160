/** Loads a template's state into a clone and gives it what only the test has: its own disk size and its devices. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import { rootDiskId } from "../plan/qemuArguments.ts"
import { cloneArguments } from "../plan/templateArguments.ts"
import type { QemuProcess } from "../qemu/QemuProcess.ts"
import { loadState } from "../qemu/savedState.ts"
import type { CloneStart } from "./Incarnation.ts"
import { MachineError } from "./MachineError.ts"

const refused = (plan: MachinePlan, operation: string) => (error: { readonly message: string }) =>
  new MachineError({
    machine: plan.name,
    reason: { _tag: "MonitorRefused", operation, detail: error.message },
    evidence: []
  })

/** QEMU's own monitor takes the value of `-device` as it is; it answers with text only when it refuses. */
const plug = Effect.fnUntraced(function* (plan: MachinePlan, process: QemuProcess, device: string) {
  const answer = yield* process.qmp
    .execute("human-monitor-command", { "command-line": `device_add ${device}` })
    .pipe(Effect.mapError(refused(plan, `device_add ${device}`)))
  if (typeof answer === "string" && answer.trim() !== "") {
    return yield* Effect.fail(refused(plan, `device_add ${device}`)({ message: answer.trim() }))
  }
})

export const cloneStart = (options: {
  readonly plan: MachinePlan
  readonly template: { readonly ram: string; readonly state: string }
}): CloneStart => {
  const { plan, template } = options
  const { argv, plugged } = cloneArguments(plan, template.ram)
  return {
    argv,
    load: Effect.fnUntraced(function* (process) {
      const socket = path.join(path.dirname(plan.sockets.qmp), `${path.basename(plan.sockets.qmp)}.in`)
      yield* loadState({ qmp: process.qmp, file: template.state, socket }).pipe(
        Effect.mapError(refused(plan, "the template's state"))
      )
      if (plan.disk.grows) {
        yield* process.qmp
          .execute("block_resize", { device: rootDiskId, size: plan.disk.bytes })
          .pipe(Effect.mapError(refused(plan, "block_resize")))
      }
      yield* Effect.forEach(plugged, (device) => plug(plan, process, device), { discard: true })
    })
  }
}
