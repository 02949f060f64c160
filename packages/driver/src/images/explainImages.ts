import { type GuestChanges, guestChanges } from "@nix-vm-test/core/run/guestChanges"
import { ImageStore } from "@nix-vm-test/core/store/ImageStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { runServices } from "../run/services.ts"
import { eachNamed } from "./eachNamed.ts"
import { imageNamed } from "./imageNamed.ts"

export interface ExplainImagesOptions {
  readonly names: ReadonlyArray<string>
  readonly json: boolean
}

type Explained = GuestChanges & { readonly name: string }

/** Says it of the image that is here; of one that is not, as its publisher has it. */
const explain = Effect.fnUntraced(function* (name: string) {
  const image = yield* imageNamed(name)
  const stored = yield* (yield* ImageStore).peek(image)
  const installedAgent = Option.exists(stored, (found) => found.installedAgent)
  const explained: Explained = { name, ...guestChanges({ facts: image.facts, installedAgent }) }
  return explained
})

const occasions = {
  preparation: "once, in a boot that prepares the image",
  "first boot": "in the first boot of each machine; the image needs no preparation"
} as const

const text = ({ name, entry, when, changes }: Explained): string =>
  [`${name} (entry: ${entry}), ${occasions[when]}:`, ...changes.map((change) => `  - ${change}`)].join("\n")

/** Prints what is changed in guests before tests have them; changes nothing. */
export const explainImages = Effect.fn("images.explain")(function* ({ names, json }: ExplainImagesOptions) {
  yield* eachNamed({ names, json, work: explain, line: text })
}, Effect.provide(runServices))
