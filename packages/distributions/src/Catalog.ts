/** The catalog of images: names out of the registry, and the files and URLs that users bring. */
import type { Architecture, Image } from "@nix-vm-test/core/spec/Image"
import type { ImageReference } from "@nix-vm-test/core/spec/ImageReference"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { ImageError } from "@nix-vm-test/core/store/ImageError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ownImage } from "./ownImage.ts"
import { catalogNames, findRelease } from "./releaseNamed.ts"
import { toImage } from "./toImage.ts"

const resolveName = (name: string, architecture: Architecture): Effect.Effect<Image, ImageError> => {
  const found = findRelease(name)
  if (found instanceof ImageError) return Effect.fail(found)
  const image = toImage(found, architecture)
  return image === undefined
    ? Effect.fail(new ImageError({ reason: { _tag: "NoSuchArchitecture", reference: name, architecture } }))
    : Effect.succeed(image)
}

/** The image that a reference stands for; see `ImageCatalog`. */
export const resolveReference = (
  reference: ImageReference,
  architecture: Architecture
): Effect.Effect<Image, ImageError> => {
  switch (reference._tag) {
    case "Named":
      return resolveName(reference.name, architecture)
    case "File": {
      const { path } = reference
      return Effect.succeed(ownImage({ reference, address: path, source: { _tag: "File", path }, architecture }))
    }
    case "Url": {
      const { url, digest } = reference
      const source = { _tag: "Pinned", urls: [url], digest } as const
      return Effect.succeed(ownImage({ reference, address: url, source, architecture }))
    }
  }
}

/** The catalog that knows this package's registry. */
export const catalogLayer: Layer.Layer<ImageCatalog> = Layer.succeed(ImageCatalog, {
  resolve: resolveReference,
  names: catalogNames
})
