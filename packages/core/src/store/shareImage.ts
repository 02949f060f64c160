/** Read-only file systems of folders of the host: squashfs, which the kernels of all families read. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { ChildProcesses } from "../host/ChildProcesses.ts"
import * as HostTree from "../host/HostTree.ts"
import type { ShareContent } from "../plan/SharePlan.ts"
import { closurePaths } from "./closurePaths.ts"
import { ImageError } from "./ImageError.ts"

/** 1 GiB takes some seconds of a disk; what takes so much longer hangs. */
const LIMIT_MS = 30 * 60_000

/** Without compression: writing is what costs, and the image is read once or twice. */
const asItIs = ["-noI", "-noD", "-noF", "-noX", "-no-progress", "-quiet", "-exit-on-error"]

/** Words for `mksquashfs`: what goes into the image, and how. */
const partsOf = Effect.fnUntraced(function* (content: ShareContent) {
  if ("folder" in content) {
    // Of a link the tool would make an empty image.
    return { sources: [yield* HostTree.realPath(content.folder)], flags: [] }
  }
  // A store's paths are root's, whoever has the store.
  return { sources: yield* closurePaths(content.closureInfo), flags: ["-keep-as-directory", "-all-root"] }
})

/** Makes the image at `path`, in place of a file that is there. */
export const writeShareImage = Effect.fn("store.writeShareImage")(function* (options: {
  readonly content: ShareContent
  readonly tool: string
  readonly path: string
}) {
  const { content, tool, path } = options
  const fs = yield* FileSystem.FileSystem
  const processes = yield* ChildProcesses
  const refuse = (detail: string) =>
    new ImageError({
      reason: /No space left/u.test(detail)
        ? { _tag: "NoSpace", path }
        : { _tag: "HostRefused", operation: "make the share's image", path, detail }
    })
  const orRefuse = Effect.mapError((error: { readonly message: string }) => refuse(error.message))
  const { sources, flags } = yield* orRefuse(partsOf(content))
  yield* Effect.ignore(fs.remove(path))
  const args = [...sources, path, ...asItIs, ...flags]
  const output = yield* orRefuse(processes.run({ command: tool, args, timeoutMs: LIMIT_MS }))
  if (Option.isNone(output.exit)) return yield* refuse(`no answer within ${LIMIT_MS / 60_000} min`)
  if (output.exit.value.code !== 0) return yield* refuse(output.stderr.trim())
})
