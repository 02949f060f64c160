/** A machine that a script adds to its test while that runs. */
import * as Effect from "effect/Effect"
import { UsageError } from "./UsageError.ts"
import { decodeSpec } from "../spec/decodeSpec.ts"
import type { OpenMachinesOptions } from "./openMachines.ts"
import { openMachines } from "./openMachines.ts"

/** Opens one machine, as a spec would describe it, beside those of the test; it is in none of their networks. */
export const addMachine = Effect.fn("run.addMachine")(function* (
  options: OpenMachinesOptions,
  name: string,
  given: unknown
) {
  const described: unknown = { machines: { [name]: given } }
  const { machines } = yield* Effect.fromResult(decodeSpec({ spec: described, origin: "the added machine" }))
  const opened = yield* openMachines({ ...options, spec: { ...options.spec, networks: {}, machines } })
  const [added] = opened.machines
  return added === undefined
    ? yield* new UsageError({ text: `no machine ${name} came of its description` })
    : added.machine
})
