import type { Architecture } from "@nix-vm-test/core/spec/Image"
import type { Distribution, PublishedImage, Release } from "./Distribution.ts"

/** One image, with what it belongs to. */
export interface ImageRow {
  readonly distribution: Distribution
  readonly version: string
  readonly release: Release
  readonly architecture: Architecture
  readonly image: PublishedImage
}

const architectures: ReadonlyArray<Architecture> = ["x86_64", "aarch64"]

/** All images of a distribution, from the oldest release on. */
export const imageRows = (distribution: Distribution): ReadonlyArray<ImageRow> =>
  Object.entries(distribution.releases).flatMap(([version, release]) =>
    architectures.flatMap((architecture) => {
      const image = release.images[architecture]
      return image === undefined ? [] : [{ distribution, version, release, architecture, image }]
    })
  )
