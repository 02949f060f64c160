/** Turns what a test calls an image into the image. Core knows the question; the registry of distributions answers it. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Architecture, Image } from "../spec/Image.ts"
import type { ImageReference } from "../spec/ImageReference.ts"
import type { ImageError } from "./ImageError.ts"

export interface ImageCatalogShape {
  /**
   * The image that a name, a file or a URL stands for. Fails as `UnknownImage` with the names that were probably meant, or as
   * `NoSuchArchitecture`.
   */
  readonly resolve: (reference: ImageReference, architecture: Architecture) => Effect.Effect<Image, ImageError>
  /** Every name, for completions and lists. */
  readonly names: ReadonlyArray<string>
}

export class ImageCatalog extends Context.Service<ImageCatalog, ImageCatalogShape>()(
  "@nix-vm-test/core/ImageCatalog"
) {}
