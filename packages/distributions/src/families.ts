/** What is known of distributions and changes what the driver does: data, so that nothing else asks for a distribution's name. */
import type { ImageFacts } from "@nix-vm-test/core/spec/Image"
import { maskedUnits } from "@nix-vm-test/core/store/builder/Recipe"

export interface Family {
  readonly name: string
  /** Facts by version. */
  readonly releases: Readonly<Record<string, ImageFacts>>
  /** For a version that is not listed: what holds for any, if slowly. */
  readonly otherwise: ImageFacts
  /** Versions that the image builder can make from packages; its recipes are called `NAME-VERSION`. */
  readonly buildable: ReadonlyArray<string>
}

/** Any cloud image: cloud-init is the one way in that they all have. */
export const unknownFamily: Family = {
  name: "generic",
  releases: {},
  otherwise: { init: "systemd", entry: "nocloud", ninep: false, cpuLevel: 1, slowUnits: [] },
  buildable: []
}

const debianFacts = { init: "systemd", cpuLevel: 1, slowUnits: maskedUnits } as const

const debian: Family = {
  name: "debian",
  releases: {
    // systemd 247 reads no credentials. Its image is `genericcloud`, whose kernel has no 9p.
    "11": { ...debianFacts, entry: "nocloud", ninep: false },
    // systemd 252
    "12": { ...debianFacts, entry: "tmpfiles", ninep: true },
    // systemd 257
    "13": { ...debianFacts, entry: "credential", ninep: true }
  },
  otherwise: { ...debianFacts, entry: "nocloud", ninep: false },
  buildable: ["12", "13"]
}

export const families: ReadonlyArray<Family> = [debian]
