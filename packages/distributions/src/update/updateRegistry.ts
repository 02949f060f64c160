/** Renews the files of a registry's folder. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Distribution } from "../Distribution.ts"
import type { CheckBytesOptions } from "./checkBytes.ts"
import { updateDistribution, type UpdatedImage } from "./updateDistribution.ts"
import { UpdateError } from "./UpdateError.ts"

export interface UpdateRegistryOptions extends Pick<CheckBytesOptions, "onProgress"> {
  /** Holds a JSON file for each distribution. */
  readonly folder: string
  /** As the files are called. */
  readonly families: ReadonlyArray<string>
  /** Neither downloads images nor writes. */
  readonly checkOnly: boolean
}

export type FamilyUpdate =
  | {
      readonly family: string
      readonly outcome: "updated"
      /** Whether the file is, or in a check would be, another one. */
      readonly isChanged: boolean
      readonly images: ReadonlyArray<UpdatedImage>
      readonly newReleases: ReadonlyArray<string>
    }
  /** The distribution was left as it is. */
  | { readonly family: string; readonly outcome: "failed"; readonly error: UpdateError }

/** How many publishers are asked at a time. */
const concurrency = 4

const Written = Schema.fromJsonString(Distribution)

const badRegistry = (file: string) => (error: { readonly message: string }) =>
  new UpdateError({ reason: { _tag: "BadRegistry", path: file, why: error.message } })

/** The families of a folder, by the names of its files. */
export const familiesIn = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const files = yield* Effect.mapError(fs.readDirectory(folder), badRegistry(folder))
  return files
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .toSorted()
})

/** Whole or not at all. */
const replaceFile = Effect.fnUntraced(function* (
  file: string,
  text: string
): Effect.fn.Return<void, PlatformError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(`${file}.new`, text)
  yield* fs.rename(`${file}.new`, file)
})

const updateFamily = Effect.fnUntraced(function* (family: string, options: UpdateRegistryOptions) {
  const { folder, checkOnly, onProgress } = options
  const fs = yield* FileSystem.FileSystem
  const file = path.join(folder, `${family}.json`)
  const text = yield* Effect.mapError(fs.readFileString(file), badRegistry(file))
  const decoded = Schema.decodeResult(Written, { onExcessProperty: "error" })(text)
  if (Result.isFailure(decoded)) return yield* badRegistry(file)(decoded.failure)
  const distribution = decoded.success
  const { publisher } = distribution
  if (publisher === undefined) return yield* badRegistry(file)({ message: "it does not say who publishes the images" })
  const updated = yield* updateDistribution({ distribution, publisher, readsImages: !checkOnly, onProgress })
  const encoded = Schema.encodeResult(Distribution)(updated.distribution)
  if (Result.isFailure(encoded)) return yield* badRegistry(file)(encoded.failure)
  const next = `${JSON.stringify(encoded.success, undefined, 2)}\n`
  const isChanged = next !== text
  if (isChanged && !checkOnly) yield* Effect.mapError(replaceFile(file, next), badRegistry(file))
  const { images, newReleases } = updated
  return { family, outcome: "updated", isChanged, images, newReleases } satisfies FamilyUpdate
})

/** Each distribution by itself: one that fails is left as it is, and keeps no other from being renewed. */
export const updateRegistry = Effect.fn("update.registry")((options: UpdateRegistryOptions) =>
  Effect.forEach(
    options.families,
    (family) =>
      updateFamily(family, options).pipe(
        Effect.catchTag("UpdateError", (error) => Effect.succeed<FamilyUpdate>({ family, outcome: "failed", error }))
      ),
    { concurrency }
  )
)
