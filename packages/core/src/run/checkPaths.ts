/** Looks for everything on the host that a plan needs, before anything starts: all that is missing is told at once. */
import * as Effect from "effect/Effect"
import * as HostTree from "../host/HostTree.ts"
import type { RequiredPath } from "../plan/TestPlan.ts"
import { UsageError } from "./UsageError.ts"

const complaintOf = Effect.fnUntraced(function* (required: RequiredPath) {
  if (!(yield* HostTree.exists(required.path))) return [`${required.namedBy}: ${required.path} does not exist`]
  const isWrong = required.kind === "directory" && !(yield* HostTree.isDirectory(required.path))
  return isWrong ? [`${required.namedBy}: ${required.path} is no folder`] : []
})

export const checkPaths = Effect.fnUntraced(function* (paths: ReadonlyArray<RequiredPath>) {
  const complaints = (yield* Effect.forEach(paths, complaintOf)).flat()
  if (complaints.length > 0) return yield* new UsageError({ text: complaints.join("\n") })
})
