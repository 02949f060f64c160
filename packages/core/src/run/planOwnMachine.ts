/** The plan of a machine that the driver has for itself, not a test's. */
import * as Effect from "effect/Effect"
import { makeRunDirectory } from "../host/RunDirectory.ts"
import type { HostFacts } from "../plan/HostFacts.ts"
import { planTest } from "../plan/planTest.ts"
import type { StoredImage } from "../plan/StoredImage.ts"
import { decodeSpec } from "../spec/decodeSpec.ts"
import type { TestSpecInput } from "../spec/TestSpec.ts"
import { placeAgent } from "./placeAgent.ts"

export interface OwnMachineOptions {
  /** Seen in errors only. */
  readonly name: string
  readonly image: StoredImage
  readonly host: HostFacts
  readonly spec?: Omit<TestSpecInput["machines"][string], "image">
}

/** Its run directory is gone with the Scope. */
export const planOwnMachine = Effect.fnUntraced(function* (options: OwnMachineOptions) {
  const { name, image, host, spec = {} } = options
  const runDirectory = yield* makeRunDirectory()
  const agent = yield* placeAgent({ runDirectory, architecture: host.architecture })
  const written = { machines: { [name]: { ...spec, image: { file: image.path } } } }
  const decoded = yield* Effect.fromResult(decodeSpec({ spec: written, origin: `the ${name}` }))
  const plan = yield* Effect.fromResult(
    planTest({ spec: decoded, images: { [name]: image }, host, runDirectory, baseDirectory: runDirectory, agent })
  )
  const [machine] = plan.machines
  if (machine === undefined) return yield* Effect.die(new Error(`the ${name} has no machine`))
  return { machine, limits: plan.limits, runDirectory, agent }
})
