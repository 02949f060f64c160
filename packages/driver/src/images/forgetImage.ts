import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { forgetImported, importedImages } from "@nix-vm-test/core/store/importedImages"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** Gives the name of an imported image up. */
export const forgetImage = Effect.fn("images.forget")(
  function* ({ name }: { readonly name: string }) {
    if (yield* forgetImported(name)) {
      yield* Console.log(`${name} is forgotten; "nix-vm-test images gc" may remove its disk now`)
      return
    }
    const names = (yield* importedImages).map((image) => image.name)
    const hint = names.length === 0 ? "none was imported" : `imported are ${names.join(", ")}`
    return yield* new UsageError({ text: `no image was imported as "${name}"`, hint })
  },
  Effect.provide(Layer.merge(NodeFileSystem.layer, CacheDirectory.layer))
)
