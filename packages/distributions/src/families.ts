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

/** Any cloud image: cloud-init is the one way in that they all have, and no share is mounted by the kernel alone. */
export const unknownFamily: Family = {
  name: "generic",
  releases: {},
  otherwise: {
    init: "systemd",
    entry: "nocloud",
    ninep: false,
    virtiofs: false,
    rootFilesystem: "ext4",
    lvm: false,
    networkManager: "networkd",
    selinux: "none",
    packageManager: "apt",
    cpuLevel: 1,
    slowUnits: []
  },
  buildable: []
}

const debianFacts = {
  init: "systemd",
  virtiofs: true,
  rootFilesystem: "ext4",
  lvm: false,
  networkManager: "netplan",
  selinux: "none",
  packageManager: "apt",
  cpuLevel: 1,
  slowUnits: maskedUnits
} as const

const debian: Family = {
  name: "debian",
  releases: {
    // Its systemd reads no credentials. Its image is `genericcloud`, whose kernel has no 9p.
    "11": { ...debianFacts, systemd: 247, entry: "nocloud", ninep: false, networkManager: "ifupdown" },
    "12": { ...debianFacts, systemd: 252, entry: "tmpfiles", ninep: true },
    "13": { ...debianFacts, systemd: 257, entry: "credential", ninep: true }
  },
  otherwise: { ...debianFacts, entry: "nocloud", ninep: false },
  buildable: ["12", "13"]
}

export const families: ReadonlyArray<Family> = [debian]
