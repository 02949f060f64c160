/** systemd units, as a Python script asks for them. */
import type { UnitOptions } from "@nix-vm-test/core/machine/units"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { machineOperation } from "./Operation.ts"

const user = { user: Schema.NullOr(Schema.String) }
const unit = { unit: Schema.String }

const whose = (args: { readonly user: string | null }): UnitOptions => (args.user === null ? {} : { user: args.user })

export const unitOperations = {
  /** Gives the status and, as bytes, stdout. */
  systemctl: machineOperation(Schema.Struct({ query: Schema.String, ...user }), (machine, args) =>
    Effect.map(machine.systemctl(args.query, whose(args)), ({ exitCode, stdout }) => ({
      value: exitCode,
      parts: [stdout]
    }))
  ),
  waitForUnit: machineOperation(Schema.Struct({ ...unit, ...user, timeout: Schema.Finite }), (machine, args) =>
    Effect.as(machine.waitForUnit(args.unit, { ...whose(args), timeout: args.timeout }), {})
  ),
  getUnitInfo: machineOperation(Schema.Struct({ ...unit, ...user }), (machine, args) =>
    Effect.map(machine.getUnitInfo(args.unit, whose(args)), (value) => ({ value }))
  ),
  getUnitProperty: machineOperation(Schema.Struct({ ...unit, ...user, property: Schema.String }), (machine, args) =>
    Effect.map(machine.getUnitProperty(args.unit, args.property, whose(args)), (value) => ({ value }))
  ),
  requireUnitState: machineOperation(Schema.Struct({ ...unit, state: Schema.String }), (machine, args) =>
    Effect.as(machine.requireUnitState(args.unit, args.state), {})
  )
}
