import * as Effect from "effect/Effect"
import type { Bench } from "./Bench.ts"
import { cliVsNode } from "./cliVsNode.ts"
import { spawnMs } from "./spawnMs.ts"

export const startup: Bench = {
  name: "startup",
  description:
    "start of the bundled command against `node -e 0`, and from its start until QEMU is spawned (milliseconds and ratios; medians)",
  run: Effect.zipWith(cliVsNode, spawnMs, (cli, spawn) => ({ ...cli, ...spawn }))
}
