/** The agent's disk and unit for the machines of one run. */
import { writeFile } from "node:fs/promises"
import * as path from "node:path"
import { readAgentBinary } from "@nix-vm-test/agent/AgentBinary"
import { agentDisk } from "@nix-vm-test/agent/AgentDisk"
import { agentUnit } from "@nix-vm-test/agent/AgentUnit"
import * as Effect from "effect/Effect"
import { hostFileError } from "../host/HostTree.ts"
import type { Architecture } from "../spec/Image.ts"

export const placeAgent = Effect.fnUntraced(function* (options: {
  readonly runDirectory: string
  readonly architecture: Architecture
}) {
  const disk = path.join(options.runDirectory, "agent.disk")
  const { sha256 } = yield* Effect.tryPromise({
    try: async () => {
      const binary = await readAgentBinary(options.architecture)
      await writeFile(disk, agentDisk(binary))
      return binary
    },
    catch: (error) => hostFileError({ operation: "write", path: disk, error })
  })
  return { disk, unit: agentUnit().text, digest: sha256 }
})
