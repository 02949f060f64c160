import * as Effect from "effect/Effect"
import type { Bench } from "./Bench.ts"
import { type BenchGuest, withGuest } from "./benchGuest.ts"
import { median } from "./median.ts"

const rounds = 5
const pairsPerRound = 12
const burst = 40
const forksPerRound = 100

/** A loop of forks in the guest's shell that commands run in; prints microseconds for each. */
const forkLoop = `
begin=\${EPOCHREALTIME/./}
for ((i = 0; i < ${forksPerRound}; i++)); do ( : ); done
end=\${EPOCHREALTIME/./}
echo $(((end - begin) / ${forksPerRound}))
`

const timed = Effect.fnUntraced(function* <A, E>(effect: Effect.Effect<A, E>) {
  const begin = performance.now()
  yield* effect
  return performance.now() - begin
})

const measure = Effect.fnUntraced(function* ({ machineOfScripts, consoleShell }: BenchGuest) {
  const command = timed(Effect.promise(() => machineOfScripts.succeed("true")))
  const baseline = timed(consoleShell.execute("true"))
  const fork = Effect.map(
    Effect.promise(() => machineOfScripts.succeed(forkLoop)),
    (microseconds) => Number(microseconds) / 1000
  )
  const samples: Record<"command" | "baseline" | "fork" | "burst", Array<number>> = {
    command: [],
    baseline: [],
    fork: [],
    burst: []
  }
  // In turn, so that a change in the machine's load meets all of them.
  for (let round = 0; round < rounds; round++) {
    samples.fork.push(yield* fork)
    for (let pair = 0; pair < pairsPerRound; pair++) {
      samples.baseline.push(yield* baseline)
      samples.command.push(yield* command)
    }
    for (let index = 0; index < burst; index++) samples.burst.push(yield* command)
  }
  const commandMs = median(samples.command)
  const baselineMs = median(samples.baseline)
  const forkMs = median(samples.fork)
  const burstMs = median(samples.burst)
  return { commandMs, burstMs, forkMs, baselineMs, perFork: commandMs / forkMs, vsBaseline: baselineMs / commandMs }
})

export const commands: Bench = {
  name: "commands",
  description:
    'succeed("true") by the handle of scripts against a fork of the guest\'s resident shell, and against `bash -c … | base64` on a console, in turn; burst: many without a pause between them (medians, one guest)',
  run: withGuest(measure)
}
