/**
 * Images as distributions publish them, or in the shapes of those that we do not have, built here from Debian's packages: `fedora-shape`. Another way
 * of the agent into the guest than the image's own is named behind a colon: `debian-12-stock:nocloud`.
 */
import { EntryStrategy, type ImageFacts } from "@nix-vm-test/core/spec/Image"
import type { ImageReference } from "@nix-vm-test/core/spec/ImageReference"
import { maskedUnits } from "@nix-vm-test/core/store/builder/Recipe"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const strategyOf = Schema.decodeUnknownSync(EntryStrategy)

const debianFacts = {
  init: "systemd",
  ninep: true,
  virtiofs: true,
  rootFilesystem: "ext4",
  lvm: false,
  networkManager: "netplan",
  selinux: "none",
  packageManager: "apt",
  cpuLevel: 1,
  slowUnits: maskedUnits
} as const

const rockyFacts = {
  ...debianFacts,
  systemd: 252,
  entry: "tmpfiles",
  ninep: false,
  rootFilesystem: "xfs",
  networkManager: "NetworkManager",
  selinux: "enforcing"
} as const

/** What is known of each image. */
export const stockFacts = {
  "debian-11-stock": { ...debianFacts, systemd: 247, entry: "nocloud", ninep: false, networkManager: "ifupdown" },
  "debian-12-stock": { ...debianFacts, systemd: 252, entry: "tmpfiles" },
  "debian-13-stock": { ...debianFacts, systemd: 257, entry: "credential" },
  "ubuntu-shape": { ...debianFacts, systemd: 257, entry: "credential" },
  "fedora-shape": {
    ...debianFacts,
    systemd: 257,
    entry: "credential",
    ninep: false,
    rootFilesystem: "btrfs",
    networkManager: "NetworkManager"
  },
  "rocky-shape": rockyFacts,
  "rocky-bare-shape": { ...rockyFacts, virtiofs: false },
  "rocky-lvm-shape": { ...rockyFacts, lvm: true },
  "sysvinit-shape": {
    ...debianFacts,
    init: "sysvinit",
    entry: "installed",
    ninep: false,
    networkManager: "ifupdown",
    slowUnits: []
  }
} as const satisfies Readonly<Record<string, ImageFacts>>

const factsOf: Readonly<Record<string, ImageFacts>> = stockFacts

/** The images that the catalog knows by name. */
export const stockImages: ReadonlyArray<string> = Object.keys(factsOf)

const resolve = (reference: ImageReference) => {
  if (reference._tag !== "Named") return Effect.die(new Error("the stock catalog knows names only"))
  const [recipe = "", strategy] = reference.name.split(":")
  const known = factsOf[recipe]
  if (known === undefined) return Effect.die(new Error(`the stock catalog has ${stockImages.join(", ")}`))
  const [family = "", version = ""] = recipe.split("-")
  const facts = strategy === undefined ? known : { ...known, entry: strategyOf(strategy) }
  return Effect.succeed({
    id: reference.name,
    family,
    version,
    architecture: "x86_64",
    sources: [{ _tag: "Packages", recipe }],
    format: "qcow2",
    facts
  } as const)
}

export const stockCatalog: Layer.Layer<ImageCatalog> = Layer.succeed(ImageCatalog, { resolve, names: stockImages })
