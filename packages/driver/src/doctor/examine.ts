import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { checkHost } from "@nix-vm-test/core/qemu/hostChecks"
import { sharesFinding, shareTools } from "@nix-vm-test/core/run/shareTools"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Concluded } from "../Concluded.ts"
import { findingsTable } from "./findingsTable.ts"

export interface ExamineOptions {
  /** Findings as JSON instead of a table. */
  readonly json: boolean
}

const findings = Effect.gen(function* () {
  const cache = yield* CacheDirectory
  const host = yield* checkHost({ probeDirectory: cache.probe, cacheDirectory: cache.root })
  return [...host, sharesFinding(yield* shareTools)]
}).pipe(Effect.provide(Layer.merge(ChildProcesses.layer, CacheDirectory.layer)))

/** Looks at the host and prints what it has and lacks. Fails with `Concluded` when something is missing without which nothing runs. */
export const examine = Effect.fn("doctor.examine")(function* ({ json }: ExamineOptions) {
  const found = yield* findings
  yield* Console.log(json ? JSON.stringify({ findings: found }, undefined, 2) : findingsTable(found))
  if (found.some(({ status }) => status === "missing")) return yield* new Concluded({ verdict: "infrastructure" })
})
