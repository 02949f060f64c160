/** A catalog that also knows the images that users imported. Names of the registry come first: an import never changes what they mean. */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Architecture } from "../spec/Image.ts"
import { nearest } from "../spec/nearest.ts"
import type { ImageReference } from "../spec/ImageReference.ts"
import type { CacheDirectory } from "./CacheDirectory.ts"
import { ImageCatalog } from "./ImageCatalog.ts"
import { ImageError } from "./ImageError.ts"
import { importedImages, importedNamed } from "./importedImages.ts"

/** An unknown name may be a misspelt one of the user's own. */
const suggestImported = Effect.fnUntraced(function* (name: string, error: ImageError) {
  const { reason } = error
  if (reason._tag !== "UnknownImage") return error
  const names = (yield* importedImages).map((image) => image.name)
  const meant = nearest(name, names)
  const suggestions = meant === undefined ? reason.suggestions : [meant, ...reason.suggestions]
  return new ImageError({ reason: { ...reason, suggestions, known: [...names, ...reason.known] } })
})

const make = Effect.gen(function* () {
  const registry = yield* ImageCatalog
  const services = yield* Effect.context<CacheDirectory | FileSystem.FileSystem>()

  const resolveImported = Effect.fnUntraced(function* (name: string, architecture: Architecture, unknown: ImageError) {
    const found = yield* importedNamed(name)
    if (Option.isNone(found)) return yield* yield* suggestImported(name, unknown)
    const { digest, origin, family, version } = found.value
    if (found.value.architecture !== architecture) {
      return yield* new ImageError({ reason: { _tag: "NoSuchArchitecture", reference: name, architecture } })
    }
    // The registry knows the facts of the family that was named, or that the file's name tells.
    const about = { ...(family === undefined ? {} : { family }), ...(version === undefined ? {} : { version }) }
    const image = yield* registry.resolve({ _tag: "File", path: origin, ...about }, architecture)
    return { ...image, id: name, sources: [{ _tag: "Imported", digest, origin }] as const }
  })

  const resolve = (reference: ImageReference, architecture: Architecture) =>
    Effect.catchIf(
      registry.resolve(reference, architecture),
      (error) => error.reason._tag === "UnknownImage",
      (error) =>
        reference._tag === "Named"
          ? Effect.provide(resolveImported(reference.name, architecture, error), services)
          : Effect.fail(error)
    )
  return ImageCatalog.of({ names: registry.names, resolve })
})

export const withImportedImages: Layer.Layer<
  ImageCatalog,
  never,
  ImageCatalog | CacheDirectory | FileSystem.FileSystem
> = Layer.effect(ImageCatalog, make)
