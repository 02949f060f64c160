/** A publisher with one release, and what the updater makes of its pins. */
import { createHash } from "node:crypto"
import { Distribution, type PublishedImage } from "@nix-vm-test/distributions/Distribution"
import type { Publisher } from "@nix-vm-test/distributions/update/Publisher"
import { updateDistribution } from "@nix-vm-test/distributions/update/updateDistribution"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { publisherServices, type Site } from "./publisherServer.ts"

export const sha256 = (content: string): string => createHash("sha256").update(content).digest("hex")
export const sha512 = (content: string): string => createHash("sha512").update(content).digest("hex")

const facts: Distribution["facts"] = {
  init: "systemd",
  entry: "nocloud",
  ninep: true,
  virtiofs: true,
  rootFilesystem: "ext4",
  lvm: false,
  networkManager: "netplan",
  selinux: "none",
  packageManager: "apt",
  cpuLevel: 1,
  slowUnits: []
}

/** A pin as other projects noted it. */
export const pin = (
  fields: Pick<PublishedImage, "build" | "urls" | "digest"> & Partial<PublishedImage>
): PublishedImage => {
  const [, year, month, day] = /(20\d\d)(\d\d)(\d\d)/u.exec(fields.build) ?? []
  return {
    variant: "generic",
    ...(year === undefined ? {} : { published: `${year}-${month}-${day}` }),
    digestSource: { witnesses: 2 },
    ...fields
  }
}

export interface Scene {
  readonly publisher: Publisher
  readonly version: string
  readonly images: Distribution["releases"][string]["images"]
}

export const distributionOf = ({ publisher, version, images }: Scene): Distribution =>
  Schema.decodeSync(Distribution)({
    family: "mine",
    title: "Mine",
    default: version,
    aliases: {},
    fileNames: ["mine"],
    publisher,
    facts,
    releases: { [version]: { images } }
  })

/** Asks the site, downloads what is new, and gives what became of the pins. */
export const update = (scene: Scene, site: Site, asked?: Array<string>) =>
  updateDistribution({ distribution: distributionOf(scene), publisher: scene.publisher, readsImages: true }).pipe(
    Effect.map(({ distribution, images, newReleases }) => ({
      changes: images.map(({ architecture, change, to }) => `${architecture} ${change} ${to}`),
      pins: distribution.releases[scene.version]?.images,
      newReleases
    })),
    Effect.provide(publisherServices(site, asked))
  )

/** Why nothing is changed. */
export const refusal = (scene: Scene, site: Site) =>
  update(scene, site).pipe(
    Effect.flip,
    Effect.map(({ reason, message }) => ({ tag: reason._tag, message }))
  )
