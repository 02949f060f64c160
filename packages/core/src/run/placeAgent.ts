/** The agent's disk and unit for the machines of one run. */
import * as path from "node:path"
import { writeAgentDisk } from "@nix-vm-test/agent/AgentDisk"
import { agentUnit } from "@nix-vm-test/agent/AgentUnit"
import * as Effect from "effect/Effect"
import { hostFileError } from "../host/HostTree.ts"
import type { Architecture } from "../spec/Image.ts"

export const placeAgent = Effect.fnUntraced(function* (options: {
  readonly runDirectory: string
  readonly architecture: Architecture
}) {
  const disk = path.join(options.runDirectory, "agent.disk")
  yield* Effect.tryPromise({
    try: () => writeAgentDisk({ path: disk, architecture: options.architecture }),
    catch: (error) => hostFileError({ operation: "write", path: disk, error })
  })
  return { disk, unit: agentUnit().text }
})
