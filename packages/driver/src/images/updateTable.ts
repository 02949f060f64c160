import type { Change, UpdatedImage } from "@nix-vm-test/distributions/update/updateDistribution"
import { alignColumns } from "../alignColumns.ts"

const columns = [{ title: "image" }, { title: "architecture" }, { title: "build" }, { title: "change" }] as const

const changeTexts: Readonly<Record<Change, string>> = {
  renewed: "newer build",
  confirmed: "digest confirmed by its publisher",
  moved: "its publisher moved it: addresses reordered",
  current: "as published",
  uncompared: "kept: its publisher gives digests of another algorithm",
  vanished: "kept: its publisher does not list it any more"
}

/** One line an image. */
export const updateTable = (images: ReadonlyArray<UpdatedImage>): string =>
  alignColumns(
    columns,
    images.map(({ image, architecture, change, from, to }) => [
      image,
      architecture,
      from === to ? to : `${from} → ${to}`,
      changeTexts[change]
    ])
  )
