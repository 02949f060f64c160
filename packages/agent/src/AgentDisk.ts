/**
 * The disk that brings the agent into a guest: no file system, so that nothing has to be mounted and no guest lacks the driver.
 *
 * One sector of header, `nix-vm-test-agent SIZE SHA256` and a line feed, padded with zeros; then the program, padded to whole sectors.
 */
import { writeFile } from "node:fs/promises"
import { type AgentArchitecture, readAgentBinary } from "./AgentBinary.ts"

/** Serial number of the virtio-blk device, by which the guest finds it. */
export const agentDiskSerial = "nvtagent"

/** First word of the disk. */
export const agentDiskMagic = "nix-vm-test-agent"

/** Bytes; the header takes one. */
export const agentDiskSector = 512

const padding = (size: number): Uint8Array =>
  new Uint8Array((agentDiskSector - (size % agentDiskSector)) % agentDiskSector)

/** The disk's content for a program. */
export const agentDisk = (binary: { readonly bytes: Uint8Array; readonly sha256: string }): Uint8Array => {
  const header = Buffer.from(`${agentDiskMagic} ${binary.bytes.length} ${binary.sha256}\n`)
  return Buffer.concat([header, padding(header.length), binary.bytes, padding(binary.bytes.length)])
}

/** Writes the disk for a guest's architecture to `path`; fails with `AgentNotBuilt` or the file system's error. */
export const writeAgentDisk = async (options: {
  readonly path: string
  readonly architecture: AgentArchitecture
}): Promise<void> => {
  await writeFile(options.path, agentDisk(await readAgentBinary(options.architecture)))
}
