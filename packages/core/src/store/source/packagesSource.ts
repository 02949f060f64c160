/** Images that are built here from a distribution's own packages. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { StoredImage } from "../../plan/StoredImage.ts"
import type { PackagesSource } from "../../spec/Image.ts"
import { debianRelease } from "../builder/debianRelease.ts"
import { debianSources } from "../builder/debianSources.ts"
import { buildImage, buildKey, type BuiltImage } from "../builder/ImageBuilder.ts"
import { type Recipe, recipes } from "../builder/Recipe.ts"
import { adoptFile } from "../adoptFile.ts"
import { hashFile } from "../hashFile.ts"
import { hostRefusal } from "../hostRefusal.ts"
import { ImageError } from "../ImageError.ts"
import { BuildRecord, fileSize, readRecord, writeRecord } from "../ImageRecord.ts"
import { imageKey } from "../imageKey.ts"
import { inspectDisk } from "../Qcow.ts"
import {
  lockIn,
  lookUpKey,
  notice,
  peekKey,
  progress,
  remember,
  type SourceRequest,
  type SourceServices
} from "./SourceRequest.ts"

/** Built images are compared with Debian's archive this often: it changes with a point release, every two months or so. */
const archiveCheckMs = 7 * 24 * 60 * 60 * 1000

/** What an earlier build left: its record, and its image where that is still there. */
interface EarlierBuild {
  readonly record: BuildRecord
  readonly stored: StoredImage
}

const findRecipe = (source: PackagesSource): Effect.Effect<Recipe, ImageError> => {
  const recipe = recipes.find(({ name }) => name === source.recipe)
  if (recipe !== undefined) return Effect.succeed(recipe)
  const known = recipes.map(({ name }) => name)
  return Effect.fail(new ImageError({ reason: { _tag: "UnknownRecipe", recipe: source.recipe, known } }))
}

const recordPathOf = Effect.fnUntraced(function* (request: SourceRequest, recipe: Recipe) {
  const key = yield* buildKey({ recipe, agentUnit: request.agentUnit })
  return `${request.cache.builds}/${recipe.name}-${key}.json`
})

const earlierBuild = Effect.fnUntraced(function* (
  request: SourceRequest,
  recordPath: string,
  look: typeof lookUpKey = lookUpKey
) {
  const record = yield* readRecord(recordPath, BuildRecord)
  if (Option.isNone(record)) return Option.none<EarlierBuild>()
  const stored = yield* look(request, record.value.key)
  return Option.map(stored, (found): EarlierBuild => ({ record: record.value, stored: found }))
})

const isFresh = (build: EarlierBuild): boolean => Date.now() - build.record.checkedAt < archiveCheckMs

/** The image as it was last built, unless it is time to ask whether the archive has changed. */
export const lookUpPackages = Effect.fnUntraced(function* (
  request: SourceRequest,
  source: PackagesSource
): Effect.fn.Return<Option.Option<StoredImage>, ImageError, SourceServices> {
  const recipe = yield* findRecipe(source)
  const earlier = yield* earlierBuild(request, yield* recordPathOf(request, recipe))
  return Option.map(Option.filter(earlier, isFresh), (build) => build.stored)
})

/** The image as it was last built, however long ago; its time of use stays. */
export const peekPackages = Effect.fnUntraced(function* (
  request: SourceRequest,
  source: PackagesSource
): Effect.fn.Return<Option.Option<StoredImage>, ImageError, SourceServices> {
  const recipe = yield* findRecipe(source)
  const earlier = yield* earlierBuild(request, yield* recordPathOf(request, recipe), peekKey)
  return Option.map(earlier, (build) => build.stored)
})

/** Moves what was built into the cache, under its digest. */
const adopt = Effect.fnUntraced(function* (request: SourceRequest, recipe: Recipe, built: BuiltImage) {
  const fs = yield* FileSystem.FileSystem
  const { images } = request.cache
  progress(request, "verify", "computing the digest of the disk")
  const facts = yield* inspectDisk({ imageTool: request.imageTool, path: built.disk })
  const bytes = Option.getOrElse(yield* fileSize(built.disk), () => 0)
  const key = imageKey(yield* hashFile({ path: built.disk, algorithm: "sha256" }))
  yield* Effect.mapError(
    fs.makeDirectory(images, { recursive: true }),
    hostRefusal({ operation: "make", path: images })
  )
  const [disk, kernel, initrd] = [`${key}.qcow2`, `${key}.kernel`, `${key}.initrd`]
  yield* adoptFile(built.kernel, `${images}/${kernel}`)
  yield* adoptFile(built.initrd, `${images}/${initrd}`)
  yield* adoptFile(built.disk, `${images}/${disk}`)
  return yield* remember(request, key, {
    disk,
    ...facts,
    bytes,
    kernel: { kernel, initrd, commandLine: built.commandLine },
    installedAgent: recipe.variant === "installed"
  })
})

/**
 * The image as it was last built while the archive has not changed since, or can't be asked; else a new build. One process at a time
 * builds from a package set.
 */
export const obtainPackages = Effect.fn("ImageStore.packages")(function* (
  request: SourceRequest,
  source: PackagesSource
): Effect.fn.Return<StoredImage, ImageError, SourceServices | Scope.Scope> {
  const recipe = yield* findRecipe(source)
  const { name, codename } = recipe.packages
  const recordPath = yield* recordPathOf(request, recipe)
  yield* lockIn(request, request.cache.builds, name)
  const earlier = yield* earlierBuild(request, recordPath)
  if (Option.isSome(earlier) && isFresh(earlier.value)) return earlier.value.stored

  const record = (key: string, release: string) =>
    writeRecord(recordPath, BuildRecord, { key, release, checkedAt: Date.now() })
  const sources = yield* debianSources
  const release = yield* debianRelease({ sources, codename })
  if (Option.isSome(earlier)) {
    const { stored, record: last } = earlier.value
    if (Option.isNone(release)) {
      notice(
        request,
        `Debian's mirror can't be asked for newer packages: ${request.image.id} is used as it was last built`
      )
      return stored
    }
    if (release.value === last.release) {
      yield* record(last.key, last.release)
      return stored
    }
  }
  const state = Option.getOrElse(release, () => "")
  const built = yield* buildImage({
    recipe,
    agentUnit: request.agentUnit,
    cache: request.cache,
    imageTool: request.imageTool,
    sources,
    release: state,
    onStage: ({ text, done, total }) => progress(request, "build", `building: ${text}`, { done, total, unit: "steps" })
  })
  const stored = yield* adopt(request, recipe, built)
  yield* record(stored.key, state)
  return stored
}, Effect.scoped)
