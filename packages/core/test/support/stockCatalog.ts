/** Images as distributions publish them, built here from packages: `debian-12-stock:tmpfiles` is one entered by tmpfiles. */
import { EntryStrategy } from "@nix-vm-test/core/spec/Image"
import type { ImageReference } from "@nix-vm-test/core/spec/ImageReference"
import { maskedUnits } from "@nix-vm-test/core/store/builder/Recipe"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

const strategyOf = Schema.decodeUnknownSync(EntryStrategy)

const resolve = (reference: ImageReference) => {
  if (reference._tag !== "Named") return Effect.die(new Error("the stock catalog knows names only"))
  const [recipe = "", strategy] = reference.name.split(":")
  const [family = "", version = ""] = recipe.split("-")
  return Effect.succeed({
    id: reference.name,
    family,
    version,
    architecture: "x86_64",
    sources: [{ _tag: "Packages", recipe }],
    format: "qcow2",
    facts: {
      init: "systemd",
      entry: strategyOf(strategy),
      ninep: true,
      virtiofs: true,
      rootFilesystem: "ext4",
      lvm: false,
      networkManager: "netplan",
      selinux: "none",
      packageManager: "apt",
      cpuLevel: 1,
      slowUnits: maskedUnits
    }
  } as const)
}

export const stockCatalog: Layer.Layer<ImageCatalog> = Layer.succeed(ImageCatalog, { resolve, names: [] })
