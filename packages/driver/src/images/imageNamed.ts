import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import * as Effect from "effect/Effect"

/** The image of a name, for this host. Fails as tests do that name it. */
export const imageNamed = Effect.fnUntraced(function* (name: string) {
  const { architecture } = yield* Qemu
  return yield* (yield* ImageCatalog).resolve({ _tag: "Named", name }, architecture)
})
