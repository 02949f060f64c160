import * as path from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { EventBus, type EventBusShape } from "@nix-vm-test/core/events/EventBus"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { occasionally } from "@nix-vm-test/core/store/occasionally"
import type { CheckProgress } from "@nix-vm-test/distributions/update/checkBytes"
import { IndexReader } from "@nix-vm-test/distributions/update/IndexReader"
import { familiesIn, type FamilyUpdate, updateRegistry } from "@nix-vm-test/distributions/update/updateRegistry"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import { Concluded } from "../Concluded.ts"
import { updateTable } from "./updateTable.ts"
import { withProgress } from "../report/withProgress.ts"

export interface UpdateImagesOptions {
  /** None means all. */
  readonly families: ReadonlyArray<string>
  readonly registry: string
  readonly check: boolean
  readonly json: boolean
}

const host = Layer.mergeAll(NodeServices.layer, ChildProcesses.layer, FetchHttpClient.layer, EventBus.layer)

const services = IndexReader.layer.pipe(Layer.provideMerge(host))

/** The families that are asked for, in the registry that is there. */
const chosenFamilies = Effect.fnUntraced(function* (folder: string, families: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const known = (yield* fs.exists(folder)) ? yield* familiesIn(folder) : []
  if (known.length === 0) {
    return yield* new UsageError({
      text: `there is no registry in ${folder}`,
      hint: "run it in a checkout of the project, or name the folder that has a JSON file for each distribution: --registry DIR"
    })
  }
  const unknown = families.find((family) => !known.includes(family))
  if (unknown !== undefined) {
    return yield* new UsageError({
      text: `no distribution is called ${unknown}`,
      hint: `there are ${known.join(", ")}`
    })
  }
  return families.length === 0 ? known : [...new Set(families)]
})

/** Tells of each file that is downloaded to be compared, now and then and at its end. */
const reportingTo = ({ publishUnsafe }: EventBusShape) => {
  const reports = new Map<string, (progress: CheckProgress) => void>()
  return (progress: CheckProgress): void => {
    const image = path.posix.basename(progress.url)
    const report =
      reports.get(progress.url) ??
      occasionally(({ url, doneBytes, totalBytes }: CheckProgress) => {
        const what = { _tag: "ImageProgress", image } as const
        const total = totalBytes === undefined ? {} : { total: totalBytes }
        if (doneBytes === totalBytes) publishUnsafe({ ...what, activity: "ready", text: "downloaded to be compared" })
        else publishUnsafe({ ...what, activity: "download", text: url, done: doneBytes, ...total, unit: "bytes" })
      })
    reports.set(progress.url, report)
    report(progress)
  }
}

/** What changed, and what a person should know: lines for stdout. */
const report = (updates: ReadonlyArray<FamilyUpdate>, check: boolean): ReadonlyArray<string> => {
  const updated = updates.flatMap((update) => (update.outcome === "updated" ? [update] : []))
  if (updated.length === 0) return []
  const images = updated.flatMap((update) => update.images)
  const noteworthy = images.filter(({ change }) => change !== "current")
  const changed = updated.filter(({ isChanged }) => isChanged).map(({ family }) => `${family}.json`)
  const files =
    changed.length === 0 ? "No file is changed" : `${check ? "Would change" : "Changed"}: ${changed.join(", ")}`
  return [
    ...(noteworthy.length === 0 ? [] : [updateTable(noteworthy), ""]),
    ...updated
      .filter(({ newReleases }) => newReleases.length > 0)
      .map(({ family, newReleases }) => `${family}: the registry does not have ${newReleases.join(", ")}`),
    `${files}; ${images.length - noteworthy.length} of ${images.length} images are as published.`
  ]
}

const asJson = (update: FamilyUpdate) =>
  update.outcome === "failed" ? { ...update, error: update.error.message } : update

/**
 * Renews the registry's files and prints what changed. Fails with `Concluded`: as infrastructure where a distribution had to be left as it is,
 * as failed where a check found something to change.
 */
export const updateImages = Effect.fn("images.update")(function* ({
  families,
  registry,
  check,
  json
}: UpdateImagesOptions) {
  const folder = path.resolve(registry)
  const chosen = yield* chosenFamilies(folder, families)
  const onProgress = reportingTo(yield* EventBus)
  const updates = yield* withProgress(updateRegistry({ folder, families: chosen, checkOnly: check, onProgress }))
  const lines = json ? [JSON.stringify(updates.map(asJson), undefined, 2)] : report(updates, check)
  yield* Effect.forEach(lines, (line) => Console.log(line), { discard: true })
  const failed = updates.flatMap((update) => (update.outcome === "failed" ? [update] : []))
  yield* Effect.forEach(failed, ({ family, error }) => Console.error(`${family} is left as it is: ${error.message}`), {
    discard: true
  })
  if (failed.length > 0) return yield* new Concluded({ verdict: "infrastructure" })
  const isOutdated = updates.some((update) => update.outcome === "updated" && update.isChanged)
  if (check && isOutdated) return yield* new Concluded({ verdict: "failed" })
}, Effect.provide(services))
