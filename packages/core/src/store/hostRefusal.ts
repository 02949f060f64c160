/** Translates what the operating system refused into the errors of images. */
import type { PlatformError } from "effect/PlatformError"
import { ImageError } from "./ImageError.ts"

/** The system's own code, such as `ENOSPC`; "" where there is none. */
const codeOf = (error: PlatformError): string => {
  const { cause } = error
  return typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : ""
}

export interface RefusedAccess {
  /** As a verb that fits before the path: `write`, `read`. */
  readonly operation: string
  readonly path: string
  /** Bytes that the file still wants, where they are known. */
  readonly neededBytes?: number | undefined
}

/** Names the refusals that users can mend: a full disk, a cache that is not theirs, a file that is not there. */
export const hostRefusal =
  (access: RefusedAccess) =>
  (error: PlatformError): ImageError => {
    const code = codeOf(error)
    const { path } = access
    if (code === "ENOSPC" || code === "EDQUOT") {
      const neededBytes = access.neededBytes === undefined ? {} : { neededBytes: access.neededBytes }
      return new ImageError({ reason: { _tag: "NoSpace", path, ...neededBytes } })
    }
    // Node says ENOENT where it can't make a folder with its parents in a read-only file system.
    const mayNotWrite = ["EACCES", "EPERM", "EROFS", ...(access.operation === "make" ? ["ENOENT"] : [])]
    if (access.operation !== "read" && mayNotWrite.includes(code)) {
      return new ImageError({ reason: { _tag: "ReadOnlyCache", path } })
    }
    if (access.operation === "read" && code === "ENOENT")
      return new ImageError({ reason: { _tag: "FileMissing", path } })
    return new ImageError({
      reason: { _tag: "HostRefused", operation: access.operation, path, detail: code === "" ? error.message : code }
    })
  }
