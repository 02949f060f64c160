import * as path from "node:path"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { fileSize } from "@nix-vm-test/core/store/ImageRecord"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import { announceRun } from "@nix-vm-test/core/store/livingRuns"
import { exportDisk } from "@nix-vm-test/core/store/Qcow"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { runServices } from "../run/services.ts"
import { sizeText } from "../sizeText.ts"
import { imageNamed } from "./imageNamed.ts"
import { preparedNow } from "./preparedNow.ts"
import { withProgress } from "../report/withProgress.ts"

export interface ExportImageOptions {
  readonly name: string
  readonly file: string
  /** As machines are made from it, with what its preparation wrote. */
  readonly prepared: boolean
  readonly compress: boolean
  readonly json: boolean
}

const obtain = Effect.fnUntraced(function* ({ name, prepared }: ExportImageOptions) {
  const { publishUnsafe } = yield* EventBus
  const stored = yield* (yield* ImageStore).materialize(yield* imageNamed(name), publishUnsafe)
  return prepared ? yield* preparedNow(stored) : stored
})

/** Writes an image as one qcow2 that needs no other file; fetched before where it is not here. */
export const exportImage = Effect.fn("images.export")(
  function* (options: ExportImageOptions) {
    const { name, compress, json } = options
    const { imageTool } = yield* Qemu
    const target = path.resolve(options.file)
    if (Option.isSome(yield* fileSize(target))) {
      return yield* new UsageError({ text: `${target} is there already`, hint: "remove it, or name another file" })
    }
    yield* announceRun
    yield* withProgress(
      Effect.flatMap(obtain(options), (image) => exportDisk({ imageTool, path: image.path, target, compress }))
    )
    const bytes = Option.getOrElse(yield* fileSize(target), () => 0)
    yield* Console.log(
      json ? JSON.stringify({ name, path: target, bytes }, undefined, 2) : `${target} (${sizeText(bytes)})`
    )
  },
  Effect.scoped,
  Effect.provide(runServices)
)
