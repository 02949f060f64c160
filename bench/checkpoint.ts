import { runServices } from "@nix-vm-test/driver/run/services"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Bench } from "./Bench.ts"
import { median } from "./median.ts"
import { openSpec, secondsOf } from "./openSpec.ts"

const rounds = 5

const spec = { machines: { machine: { image: "debian:12", memory: "1GiB" } } }

const measure = Effect.gen(function* () {
  yield* Console.error("starting a guest …")
  const machines = yield* openSpec(spec)
  const machine = machines[0]?.machine
  if (machine === undefined) return yield* Effect.die(new Error("the bench has no machine"))
  yield* machine.succeed("true")
  const saves: Array<number> = []
  const restores: Array<number> = []
  const answers: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now()
    const checkpoint = yield* machine.checkpoint()
    saves.push((performance.now() - begin) / 1000)
    yield* machine.succeed(`head -c 20M /dev/urandom > /root/${round}; rm /root/${round}`)
    restores.push(yield* secondsOf(machine.restore(checkpoint)))
    answers.push(yield* secondsOf(machine.succeed("true")))
  }
  return { saveSeconds: median(saves), restoreSeconds: median(restores), firstCommandSeconds: median(answers) }
})

export const checkpoint: Bench = {
  name: "checkpoint",
  description:
    "checkpoint() and restore() of a guest with 1 GiB, each until it answers again, and the first command after a restore (seconds; medians)",
  run: measure.pipe(Effect.scoped, Effect.provide(runServices))
}
