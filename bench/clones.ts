import { readFile } from "node:fs/promises"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Bench } from "./Bench.ts"
import { median } from "./median.ts"
import { openSpec, secondsOf } from "./openSpec.ts"

const count = 8
const rounds = 3
const names = Array.from({ length: count }, (_, index) => `clone${index + 1}`)
const machine = { image: "debian:12", memory: "1GiB", start: "clone" } as const

/** Memory that only this process has, MiB: anonymous pages; those of the template's file are shared by all. */
const privateMiB = (pid: number) =>
  Effect.promise(async () => {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8")
    return Number(/^Anonymous:\s+(\d+) kB$/mu.exec(text)?.[1] ?? 0) / 1024
  })

const together = Effect.scoped(
  Effect.gen(function* () {
    const machines = yield* openSpec({ machines: Object.fromEntries(names.map((name) => [name, machine])) })
    const allReadySeconds = yield* secondsOf(
      Effect.forEach(machines, (each) => each.machine.succeed("true"), { concurrency: "unbounded", discard: true })
    )
    yield* Effect.sleep("2 seconds")
    const memory = yield* Effect.forEach(machines, ({ power }) =>
      Effect.flatMap(power.current, (incarnation) =>
        incarnation === undefined ? Effect.die(new Error("a clone has ended")) : privateMiB(incarnation.process.pid)
      )
    )
    return { allReadySeconds, privateMiB: median(memory) }
  })
)

const measure = Effect.gen(function* () {
  yield* Console.error("making the template, if it is not there …")
  yield* Effect.scoped(
    Effect.flatMap(openSpec({ machines: { machine } }), (machines) =>
      Effect.forEach(machines, (each) => each.machine.succeed("true"))
    )
  )
  const runs = yield* Effect.forEach(Array.from({ length: rounds }), () => together)
  return {
    allReadySeconds: median(runs.map((run) => run.allReadySeconds)),
    privateMiB: median(runs.map((run) => run.privateMiB))
  }
})

export const clones: Bench = {
  name: "clones",
  description: `${count} clones of a guest with 1 GiB started together, until all have answered a command (seconds), and the private memory of each when idle (MiB); medians`,
  run: measure.pipe(Effect.provide(runServices))
}
