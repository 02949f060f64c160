import * as os from "node:os"
import { openMachines } from "@nix-vm-test/core/run/openMachines"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Bench } from "./Bench.ts"
import { median } from "./median.ts"

const rounds = 5

const spec = { machines: { machine: { image: "debian:12", memory: "1GiB" } } }

const secondsOf = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>) {
  const begin = performance.now()
  const value = yield* effect
  return { value, seconds: (performance.now() - begin) / 1000 }
})

const measure = Effect.gen(function* () {
  yield* Console.error("starting a guest …")
  const { machines } = yield* openMachines({
    spec: yield* Effect.fromResult(decodeSpec({ spec, origin: "the bench" })),
    baseDirectory: os.tmpdir()
  })
  const machine = machines[0]?.machine
  if (machine === undefined) return yield* Effect.die(new Error("the bench has no machine"))
  yield* machine.succeed("true")
  const saves: Array<number> = []
  const restores: Array<number> = []
  const answers: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const { value: checkpoint, seconds } = yield* secondsOf(machine.checkpoint())
    saves.push(seconds)
    yield* machine.succeed(`head -c 20M /dev/urandom > /root/${round}; rm /root/${round}`)
    restores.push((yield* secondsOf(machine.restore(checkpoint))).seconds)
    answers.push((yield* secondsOf(machine.succeed("true"))).seconds)
  }
  return { saveSeconds: median(saves), restoreSeconds: median(restores), firstCommandSeconds: median(answers) }
})

export const checkpoint: Bench = {
  name: "checkpoint",
  description:
    "checkpoint() and restore() of a guest with 1 GiB, each until it answers again, and the first command after a restore (seconds; medians)",
  run: measure.pipe(Effect.scoped, Effect.provide(runServices))
}
