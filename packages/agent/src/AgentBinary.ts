/** The agent's program as it was built for a guest's architecture. */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"

/** Architectures that guests have. */
export type AgentArchitecture = "x86_64" | "aarch64"

export interface AgentBinary {
  readonly path: string
  readonly bytes: Uint8Array
  /** SHA-256 of the bytes, lower case hexadecimal; part of the key of whatever holds an agent. */
  readonly sha256: string
}

/** Nobody has built the agent for this architecture yet. */
export class AgentNotBuilt extends Error {
  override readonly name = "AgentNotBuilt"
  readonly architecture: AgentArchitecture
  readonly path: string

  constructor(options: { readonly architecture: AgentArchitecture; readonly path: string }) {
    const compiler = options.architecture === "x86_64" ? "" : `CC=${options.architecture}-linux-musl-gcc `
    super(
      `The guest agent for ${options.architecture} is not built: ${options.path} does not exist. Run: ${compiler}packages/agent/build.sh`
    )
    this.architecture = options.architecture
    this.path = options.path
  }
}

// As one string and a folder, so that a bundler can take it along without knowing which architectures were built.
const folder = new URL("../dist/", import.meta.url)

/** Where the program is, or would be. */
export const agentBinaryPath = (architecture: AgentArchitecture): string =>
  fileURLToPath(new URL(`agent-${architecture}`, folder))

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT"

/** Reads the program; fails with `AgentNotBuilt`. */
export const readAgentBinary = async (architecture: AgentArchitecture): Promise<AgentBinary> => {
  const path = agentBinaryPath(architecture)
  const bytes = await readFile(path).catch((error: unknown) => {
    throw isMissing(error) ? new AgentNotBuilt({ architecture, path }) : error
  })
  return { path, bytes, sha256: createHash("sha256").update(bytes).digest("hex") }
}
