/** A clone's devices are plugged in while its guest stands still; what the guest makes of them shows only when it runs. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { QemuError } from "../qemu/QemuError.ts"
import { queryQmp, type Qmp } from "../qemu/Qmp.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import type { Incarnation } from "./Incarnation.ts"
import { inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"

const refused = (machine: string, detail: string) =>
  new MachineError({ machine, reason: { _tag: "DevicesRefused", detail }, evidence: [] })

/** Plugs in devices, given as values of `-device`. */
export const plugDevices = Effect.fnUntraced(function* (options: {
  readonly machine: string
  readonly qmp: Qmp
  readonly devices: ReadonlyArray<string>
}) {
  for (const device of options.devices) {
    // QEMU's own monitor takes the value of `-device` as it is; it answers with text only when it refuses.
    const answer = yield* options.qmp
      .execute("human-monitor-command", { "command-line": `device_add ${device}` })
      .pipe(Effect.mapError((error) => refused(options.machine, error.message)))
    if (typeof answer === "string" && answer.trim() !== "") {
      return yield* refused(options.machine, `QEMU says: ${answer.trim()}`)
    }
  }
})

/** The vendor of all virtio devices on PCI. */
const virtioVendor = 0x1af4

const PciBuses = Schema.Array(
  Schema.Struct({ devices: Schema.Array(Schema.Struct({ id: Schema.Struct({ vendor: Schema.Int }) })) })
)

const virtioDevices = (qmp: Qmp): Effect.Effect<number, QemuError> =>
  Effect.map(
    queryQmp(qmp, { command: "query-pci", reply: PciBuses }),
    (buses) => buses.flatMap(({ devices }) => devices).filter(({ id }) => id.vendor === virtioVendor).length
  )

/**
 * Waits until the guest has found every device that QEMU has; all that are plugged in are virtio's. A guest without PCI hot-plug never does: then
 * it fails as `DevicesRefused`.
 */
export const awaitDevices = Effect.fn("machine.awaitDevices")(function* (options: {
  readonly access: GuestAccess
  readonly incarnation: Incarnation
  /** Since the last one that it found: on a busy host many take long. */
  readonly limitMs: number
}) {
  const { access, incarnation, limitMs } = options
  const plugged = yield* Effect.mapError(virtioDevices(incarnation.process.qmp), (error) =>
    refused(access.name, error.message)
  )
  let seen = 0
  let deadline = performance.now() + limitMs
  while (true) {
    const found = yield* inIncarnation(access, incarnation, (channel) => channel.list("/sys/bus/virtio/devices"))
    if (found.length >= plugged) return
    if (found.length > seen) {
      seen = found.length
      deadline = performance.now() + limitMs
    }
    if (performance.now() >= deadline) {
      return yield* refused(
        access.name,
        `its guest found ${found.length} of ${plugged} virtio devices, and no other one within ${limitMs / 1000} s`
      )
    }
    yield* Effect.sleep("10 millis")
  }
})
