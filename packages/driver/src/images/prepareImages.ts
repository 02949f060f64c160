import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { needsPreparation } from "@nix-vm-test/core/run/prepareImage"
import { fileSize } from "@nix-vm-test/core/store/ImageRecord"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { announceRun } from "@nix-vm-test/core/store/livingRuns"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { runServices } from "../run/services.ts"
import { sizeText } from "../sizeText.ts"
import { eachNamed } from "./eachNamed.ts"
import { imageNamed } from "./imageNamed.ts"
import { preparedNow } from "./preparedNow.ts"

export interface PrepareImagesOptions {
  readonly names: ReadonlyArray<string>
  readonly json: boolean
}

interface PreparedImage {
  readonly name: string
  readonly preparation: "unneeded" | "done"
  readonly entry: string
  readonly path: string
  /** Bytes that the preparation added. */
  readonly addedBytes: number
}

const prepare = Effect.fnUntraced(function* (name: string) {
  const { publishUnsafe } = yield* EventBus
  const image = yield* imageNamed(name)
  const stored = yield* (yield* ImageStore).materialize(image, publishUnsafe)
  const { path } = yield* preparedNow(stored)
  const isNeeded = needsPreparation(stored)
  const prepared: PreparedImage = {
    name,
    preparation: isNeeded ? "done" : "unneeded",
    entry: stored.installedAgent ? "installed" : image.facts.entry,
    path,
    addedBytes: isNeeded ? Option.getOrElse(yield* fileSize(path), () => 0) : 0
  }
  return prepared
})

const line = ({ name, preparation, entry, path, addedBytes }: PreparedImage): string =>
  preparation === "unneeded"
    ? `${name}: needs no preparation (entry: ${entry})`
    : `${name}: prepared (entry: ${entry}), ${path} adds ${sizeText(addedBytes)}`

/** Fetches images and does their preparation boot, where they need one. */
export const prepareImages = Effect.fn("images.prepare")(
  function* ({ names, json }: PrepareImagesOptions) {
    yield* announceRun
    yield* eachNamed({ names, json, work: prepare, line })
  },
  Effect.scoped,
  Effect.provide(runServices)
)
