import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { fileSize } from "@nix-vm-test/core/store/ImageRecord"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { announceRun } from "@nix-vm-test/core/store/livingRuns"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { runServices } from "../run/services.ts"
import { sizeText } from "../sizeText.ts"
import { eachNamed } from "./eachNamed.ts"
import { imageNamed } from "./imageNamed.ts"

export interface FetchImagesOptions {
  readonly names: ReadonlyArray<string>
  readonly json: boolean
}

const fetch = Effect.fnUntraced(function* (name: string) {
  const { publishUnsafe } = yield* EventBus
  const { path, key } = yield* (yield* ImageStore).materialize(yield* imageNamed(name), publishUnsafe)
  return { name, path, key, bytes: Option.getOrElse(yield* fileSize(path), () => 0) }
})

/** Gets images into the cache: downloaded and verified, or built. */
export const fetchImages = Effect.fn("images.fetch")(
  function* ({ names, json }: FetchImagesOptions) {
    yield* announceRun
    yield* eachNamed({
      names,
      json,
      work: fetch,
      line: ({ name, path, bytes }) => `${name}: ${path} (${sizeText(bytes)})`
    })
  },
  Effect.scoped,
  Effect.provide(runServices)
)
