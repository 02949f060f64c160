import * as path from "node:path"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { type Architecture, Digest } from "@nix-vm-test/core/spec/Image"
import { imageNamePattern } from "@nix-vm-test/core/spec/ImageReference"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { ImageError } from "@nix-vm-test/core/store/ImageError"
import { importedNamed, importImage } from "@nix-vm-test/core/store/importedImages"
import { occasionally } from "@nix-vm-test/core/store/occasionally"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { runServices } from "../run/services.ts"
import { sizeText } from "../sizeText.ts"
import { withProgress } from "../report/withProgress.ts"

export interface ImportFileOptions {
  readonly file: string
  readonly name: string
  readonly family: Option.Option<string>
  readonly version: Option.Option<string>
  readonly digest: Option.Option<string>
  readonly architecture: Option.Option<Architecture>
  readonly json: boolean
}

const decodeDigest = Schema.decodeUnknownOption(Digest)

/** `sha256:HEX`, or the digits alone, whose number tells the algorithm. */
const parseDigest = (text: string): Effect.Effect<Digest, UsageError> => {
  const [, algorithm, hex = ""] = /^(?:(sha256|sha512):)?([0-9a-f]+)$/u.exec(text.toLowerCase()) ?? []
  const byLength = hex.length === 128 ? "sha512" : "sha256"
  const digest = decodeDigest({ algorithm: byLength, hex })
  const agrees = algorithm === undefined || algorithm === byLength
  return Option.isSome(digest) && agrees
    ? Effect.succeed(digest.value)
    : Effect.fail(new UsageError({ text: `--digest ${text}: expected sha256:64 or sha512:128 hexadecimal digits` }))
}

/** A name that the registry knows keeps its meaning; one that was imported may get another disk. */
const checkName = Effect.fnUntraced(function* (name: string, architecture: Architecture) {
  if (!imageNamePattern.test(name)) {
    return yield* new UsageError({ text: `--name ${name}: expected a name such as "company:2026"` })
  }
  if (Option.isSome(yield* importedNamed(name))) return
  const catalog = yield* ImageCatalog
  const known = yield* Effect.option(catalog.resolve({ _tag: "Named", name }, architecture))
  if (Option.isSome(known)) {
    return yield* new ImageError({ reason: { _tag: "NameTaken", name, by: `an image of ${known.value.family}` } })
  }
})

/** Copies a user's own disk into the cache under a name. */
export const importFile = Effect.fn("images.import")(
  function* (options: ImportFileOptions) {
    const { name, json } = options
    const { architecture: host, imageTool } = yield* Qemu
    const { publishUnsafe } = yield* EventBus
    const architecture = Option.getOrElse(options.architecture, () => host)
    yield* checkName(name, architecture)
    const digest = Option.isNone(options.digest) ? undefined : yield* parseDigest(options.digest.value)
    const image = {
      name,
      architecture,
      origin: path.resolve(options.file),
      ...(Option.isSome(options.family) ? { family: options.family.value } : {}),
      ...(Option.isSome(options.version) ? { version: options.version.value } : {})
    }
    const what = { _tag: "ImageProgress", image: name, activity: "verify", text: "computing its digest" } as const
    const onHashing = occasionally(
      ({ doneBytes, totalBytes }: { readonly doneBytes: number; readonly totalBytes: number }) =>
        publishUnsafe({ ...what, done: doneBytes, total: totalBytes, unit: "bytes" })
    )
    const imported = yield* withProgress(importImage({ image, digest, imageTool, onHashing }))
    const { algorithm, hex } = imported.image.digest
    yield* Console.log(
      json
        ? JSON.stringify(imported, undefined, 2)
        : `${name}: ${imported.path} (${sizeText(imported.bytes)})\n${algorithm}:${hex}`
    )
  },
  Effect.scoped,
  Effect.provide(runServices)
)
