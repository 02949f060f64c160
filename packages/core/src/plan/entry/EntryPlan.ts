/** How the agent gets into one machine: what QEMU is told, and what must be prepared for it. */
import type { StoredImage } from "../StoredImage.ts"
import { credentialArguments } from "./credential.ts"
import { noCloudSeed, type NoCloudSeed } from "./noCloudSeed.ts"
import { tmpfilesArguments } from "./tmpfiles.ts"

/** `arguments` are QEMU's; a `nocloud` seed is a disk that has to be written to `path` before the start. */
export type EntryPlan =
  | { readonly strategy: "installed" | "credential" | "tmpfiles"; readonly arguments: ReadonlyArray<string> }
  | {
      readonly strategy: "nocloud"
      readonly arguments: ReadonlyArray<string>
      readonly seed: NoCloudSeed
      readonly path: string
    }

/** The way that the image's facts name; none for an image that has the agent already. */
export const planEntry = (options: {
  readonly image: StoredImage
  /** Text of the agent's unit. */
  readonly unit: string
  /** Where a seed would be written. */
  readonly seedPath: string
}): EntryPlan => {
  const { image, unit, seedPath } = options
  const strategy = image.installedAgent ? "installed" : image.image.facts.entry
  switch (strategy) {
    case "installed":
      return { strategy, arguments: [] }
    case "credential":
      return { strategy, arguments: credentialArguments(unit) }
    case "tmpfiles":
      return { strategy, arguments: tmpfilesArguments(unit) }
    case "nocloud":
      return { strategy, arguments: [], seed: noCloudSeed({ init: image.image.facts.init, unit }), path: seedPath }
  }
}
