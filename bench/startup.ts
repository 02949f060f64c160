import type { Bench } from "./Bench.ts"
import { cliVsNode } from "./cliVsNode.ts"

export const startup: Bench = {
  name: "startup",
  description:
    "start of the bundled command against `node -e 0` (milliseconds and ratios; medians of interleaved runs)",
  run: cliVsNode
}
