import type { StoredImage } from "@nix-vm-test/core/plan/StoredImage"
import { Accelerator } from "@nix-vm-test/core/qemu/Accelerator"
import { hostFacts } from "@nix-vm-test/core/run/hostFacts"
import { prepareImage } from "@nix-vm-test/core/run/prepareImage"
import * as Effect from "effect/Effect"

/** The image as machines are made from it: prepared under the accelerator that tests would get. */
export const preparedNow = Effect.fnUntraced(function* (image: StoredImage) {
  const { accelerator } = yield* (yield* Accelerator).choose("auto")
  return yield* prepareImage({ image, host: yield* hostFacts(accelerator) })
})
