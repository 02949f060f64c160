/** Gets the packages of a machine that are named by URL, and puts each where its plan has it. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import { EventBus } from "../events/EventBus.ts"
import * as HostTree from "../host/HostTree.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import { occasionally } from "../store/occasionally.ts"
import type { DownloadProgress } from "../store/Download.ts"
import { pinnedPackage } from "../store/pinnedPackage.ts"
import { checkPaths } from "./checkPaths.ts"

export const fetchPackages = Effect.fn("run.fetchPackages")(function* ({ packages }: MachinePlan) {
  if (packages === undefined) return
  const bus = yield* EventBus
  const { format, sources } = packages
  const pinned = sources.flatMap(({ pin, ...source }) => (pin === undefined ? [] : [{ ...source, pin }]))
  for (const { path: place, pin } of pinned) {
    const image = path.basename(place)
    const onProgress = occasionally(({ url, doneBytes, totalBytes }: DownloadProgress) =>
      bus.publishUnsafe({
        _tag: "ImageProgress",
        image,
        activity: "download",
        text: `downloading from ${new URL(url).host}`,
        done: doneBytes,
        unit: "bytes",
        ...(totalBytes === undefined ? {} : { total: totalBytes })
      })
    )
    const file = yield* pinnedPackage({ ...pin, onProgress })
    bus.publishUnsafe({ _tag: "ImageProgress", image, activity: "ready", text: "ready" })
    yield* HostTree.makeDirectory(path.dirname(place))
    yield* HostTree.makeSymlink(place, file)
  }
  yield* checkPaths(pinned.map(({ path: where, namedBy }) => ({ path: where, namedBy, kind: "packages", format })))
})
