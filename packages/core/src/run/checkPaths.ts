/** Looks for everything on the host that a plan needs, before anything starts: all that is missing is told at once. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as HostTree from "../host/HostTree.ts"
import type { RequiredPath } from "../plan/TestPlan.ts"
import { packageComplaints } from "../store/packageFiles.ts"
import { closurePaths, registrationOf } from "../store/closurePaths.ts"
import { UsageError } from "./UsageError.ts"

/** A closure that is not whole would fail in the guest, in words that nobody understands. */
const closureComplaints = Effect.fnUntraced(function* (info: string, storeDir: string) {
  const read = yield* Effect.result(Effect.tap(closurePaths([info]), () => registrationOf([info])))
  if (Result.isFailure(read)) return [`${read.failure.message}; it must be the result of closureInfo`]
  const checked = yield* Effect.forEach(read.success, (path) =>
    Effect.map(HostTree.isThere(path), (there) =>
      path.startsWith(`${storeDir}/`)
        ? there
          ? []
          : [`${path} does not exist`]
        : [`${path} does not lie in ${storeDir}`]
    )
  )
  return checked.flat()
})

const complaintsOf = Effect.fnUntraced(function* (required: RequiredPath) {
  if (!(yield* HostTree.exists(required.path))) return [`${required.path} does not exist`]
  if (required.kind === "packages") {
    return yield* Effect.catch(packageComplaints(required.path, required.format), ({ message }) =>
      Effect.succeed([message])
    )
  }
  if (required.kind === "closure") return yield* closureComplaints(required.path, required.storeDir)
  const isWrong = required.kind === "directory" && !(yield* HostTree.isDirectory(required.path))
  return isWrong ? [`${required.path} is no folder`] : []
})

export const checkPaths = Effect.fnUntraced(function* (paths: ReadonlyArray<RequiredPath>) {
  const complaints = yield* Effect.forEach(paths, (required) =>
    Effect.map(complaintsOf(required), (found) => found.map((complaint) => `${required.namedBy}: ${complaint}`))
  )
  if (complaints.flat().length > 0) return yield* new UsageError({ text: complaints.flat().join("\n") })
})
