/** What a machine's shares need on the host before its first start: images, and folders of the run's own. */
import * as Effect from "effect/Effect"
import * as HostTree from "../host/HostTree.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import type { SharePlan } from "../plan/SharePlan.ts"
import { writeShareImage } from "../store/shareImage.ts"

const makeShare = Effect.fnUntraced(function* ({ by, content, ofTheRun }: SharePlan) {
  if (ofTheRun && "folder" in content) yield* HostTree.makeDirectory(content.folder)
  if (by._tag === "image") yield* writeShareImage({ content, tool: by.tool, path: by.path })
})

export const makeShares = (plan: MachinePlan) => Effect.forEach(plan.shares, makeShare, { discard: true })
