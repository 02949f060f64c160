/** The architecture of this machine, in the words of the image specification. */
import type { Architecture } from "../spec/Image.ts"

/** Machines other than arm64 count as x86_64: those are the two that guests exist for. */
export const hostArchitecture: Architecture = process.arch === "arm64" ? "aarch64" : "x86_64"
