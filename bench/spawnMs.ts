import { fileURLToPath } from "node:url"
import { eventLogName, readEventLog } from "@nix-vm-test/report/EventLog"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Figures } from "./Bench.ts"
import { bundle, runNode } from "./runNode.ts"
import { median } from "./median.ts"

const script = fileURLToPath(new URL("./scripts/startAndCrash.ts", import.meta.url))
const rounds = 5

/** One run of the command: milliseconds from its start until QEMU was spawned. */
const millisecondsToSpawn = Effect.fnUntraced(function* (output: string) {
  const startedAt = Date.now()
  yield* runNode([bundle, "run", script, "--output", output])
  const spawned = yield* readEventLog(`${output}/${eventLogName}`).pipe(
    Stream.filter((event) => event._tag === "MachineStarting"),
    Stream.runHead
  )
  return Option.isSome(spawned)
    ? spawned.value.time - startedAt
    : yield* Effect.die(new Error("no machine was started"))
})

/**
 * How long after its own start the command has started QEMU, for a test in TypeScript whose image is ready; by the time of the run's event
 * against the clock before the command was started, both of this host.
 */
export const spawnMs = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const output = yield* files.makeTempDirectoryScoped({ prefix: "nvt-bench-" })
  // The first run builds the image where it is missing, and fills the caches, as on a user's machine.
  yield* millisecondsToSpawn(output)
  const samples: Array<number> = []
  for (let round = 0; round < rounds; round++) samples.push(yield* millisecondsToSpawn(output))
  return { spawnMs: median(samples), fastestSpawnMs: Math.min(...samples) } satisfies Figures
}).pipe(Effect.scoped)
