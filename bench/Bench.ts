import type { NodeServices } from "@effect/platform-node/NodeServices"
import type * as Effect from "effect/Effect"

/** Figures by name. */
export type Figures = Readonly<Record<string, number>>

/** One thing that is measured; `main.ts` lists them. */
export interface Bench {
  /** As on the command line: `npm run bench -- NAME`. */
  readonly name: string
  /** What is measured, how, and in which units. */
  readonly description: string
  readonly run: Effect.Effect<Figures, unknown, NodeServices>
}
