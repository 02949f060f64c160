import * as os from "node:os"
import { openMachines } from "@nix-vm-test/core/run/openMachines"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import type { TestSpecInput } from "@nix-vm-test/core/spec/TestSpec"
import * as Effect from "effect/Effect"

/** Machines of a spec for a bench; gone with the Scope. */
export const openSpec = Effect.fnUntraced(function* (spec: TestSpecInput) {
  const { machines } = yield* openMachines({
    spec: yield* Effect.fromResult(decodeSpec({ spec, origin: "the bench" })),
    baseDirectory: os.tmpdir()
  })
  return machines
})

/** Seconds until an effect is done. */
export const secondsOf = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const begin = performance.now()
  yield* effect
  return (performance.now() - begin) / 1000
})
