import { needsPreparation, preparedKey } from "@nix-vm-test/core/run/prepareImage"
import type { Image } from "@nix-vm-test/core/spec/Image"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { fileSize } from "@nix-vm-test/core/store/ImageRecord"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { importedImages } from "@nix-vm-test/core/store/importedImages"
import { peekPrepared } from "@nix-vm-test/core/store/preparedImages"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { runServices } from "../run/services.ts"
import { imageNamed } from "./imageNamed.ts"
import { imagesTable, type ListedImage } from "./imagesTable.ts"

/** Bytes of the download, where the publisher says so. */
const downloadBytes = ({ sources }: Image): number | undefined =>
  sources.find((source) => source._tag === "Pinned")?.size

const inspect = Effect.fnUntraced(function* (name: string, image: Image) {
  const { architecture, endOfLife } = image
  const stored = yield* (yield* ImageStore).peek(image)
  const known = { name, architecture, ...(endOfLife === undefined ? {} : { endOfLife }) }
  const imported = image.sources.some(({ _tag }) => _tag === "Imported")
  if (Option.isNone(stored)) {
    const bytes = downloadBytes(image)
    const absent: ListedImage = {
      ...known,
      state: imported ? "gone" : "absent",
      ...(bytes === undefined ? {} : { downloadBytes: bytes })
    }
    return absent
  }
  const { path, key } = stored.value
  const preparation = !needsPreparation(stored.value)
    ? "unneeded"
    : Option.isSome(yield* peekPrepared({ image: stored.value, key: preparedKey(stored.value) }))
      ? "done"
      : "pending"
  const bytes = Option.getOrElse(yield* fileSize(path), () => 0)
  const present: ListedImage = { ...known, state: imported ? "imported" : "present", bytes, path, key, preparation }
  return present
})

/** Prints every name that a test may use on this host, and what of it is here. */
export const listImages = Effect.fn("images.list")(function* ({ json }: { readonly json: boolean }) {
  const { names } = yield* ImageCatalog
  const imported = yield* importedImages
  const listed = yield* Effect.forEach([...names, ...imported.map(({ name }) => name)], (name) =>
    imageNamed(name).pipe(
      Effect.flatMap((image) => inspect(name, image)),
      // A name that is known for another architecture only.
      Effect.catchTag("ImageError", () => Effect.succeed<ListedImage>({ name, state: "unavailable" }))
    )
  )
  yield* Console.log(json ? JSON.stringify(listed, undefined, 2) : imagesTable(listed, new Date()))
}, Effect.provide(runServices))
