/** The registry of images as tables of Markdown. */
import type { ImageFacts } from "@nix-vm-test/core/spec/Image"
import type { Distribution, PublishedImage } from "@nix-vm-test/distributions/Distribution"
import { imageRows } from "@nix-vm-test/distributions/imageRows"
import { decodedDistribution, distributions } from "@nix-vm-test/distributions/registry"

const all: ReadonlyArray<Distribution> = distributions.map(decodedDistribution)

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const code = (text: string): string => `\`${text}\``

const otherNames = ({ aliases }: Distribution, version: string): ReadonlyArray<string> =>
  Object.keys(aliases).filter((alias) => aliases[alias] === version)

const size = (bytes: number | undefined): string => (bytes === undefined ? "?" : `${Math.round(bytes / 1024 ** 2)} MiB`)

const digestSource = ({ digest, digestSource: source }: PublishedImage): string => {
  if ("checksums" in source)
    return `${digest.algorithm}, the publisher${source.signedBy === undefined ? "" : ", signed"}`
  return `${digest.algorithm}, ${source.witnesses === 1 ? "1 source" : `${source.witnesses} sources`}`
}

/** Every image, a table for each distribution. */
export const imagesTables = (): string =>
  all
    .flatMap((distribution) => [
      `### ${distribution.title}`,
      table(
        ["image", "architecture", "build", "published", "end of life", "size", "addresses", "digest"],
        imageRows(distribution).map(({ version, release, architecture, image }) => [
          [version, ...otherNames(distribution, version)]
            .map((name) => code(`${distribution.family}:${name}`))
            .join(" "),
          architecture,
          `[${image.variant} ${image.build}](${image.urls[0]})`,
          image.published ?? "?",
          release.endOfLife ?? "none",
          size(image.size),
          String(image.urls.length),
          digestSource(image)
        ])
      )
    ])
    .join("\n\n")

const yes = (value: boolean): string => (value ? "yes" : "no")

const factCells = (facts: ImageFacts): ReadonlyArray<string> => [
  facts.init === "systemd" ? `systemd ${facts.systemd ?? "?"}` : facts.init,
  facts.entry,
  facts.networkManager,
  facts.lvm ? `${facts.rootFilesystem} on LVM` : facts.rootFilesystem,
  yes(facts.ninep),
  yes(facts.virtiofs),
  facts.selinux,
  facts.packageManager,
  String(facts.cpuLevel)
]

/** What is known of each release; one row for both architectures where they don't differ. */
export const factsTables = (): string => {
  const rows = all.flatMap((distribution) => {
    const cells = imageRows(distribution).map(({ version, release, architecture, image }) => ({
      version,
      architecture,
      facts: factCells({ ...distribution.facts, ...release.facts, ...image.facts })
    }))
    return cells.flatMap(({ version, architecture, facts }) => {
      const same = cells.filter((other) => other.version === version && other.facts.join() === facts.join())
      const name = code(`${distribution.family}:${version}`)
      const differs = cells.some((other) => other.version === version && !same.includes(other))
      return same[0]?.architecture === architecture ? [[differs ? `${name} ${architecture}` : name, ...facts]] : []
    })
  })
  const head = ["image", "init", "entry", "network", "root", "9p", "virtiofs", "SELinux", "packages", "CPU level"]
  return table(head, rows)
}

/** The units that a settled guest does not start. */
export const unitsTable = (): string =>
  table(
    ["distribution", "units"],
    all.map(({ title, facts }) => [title, facts.slowUnits.map(code).join(" ") || "none"])
  )

/** The names of all images, a row for each distribution. */
export const guestsTable = (): string =>
  table(
    ["distribution", "images", "without a version"],
    all.map(({ family, title, releases, default: byDefault }) => [
      title,
      Object.keys(releases)
        .map((version) => code(`${family}:${version}`))
        .join(" "),
      code(`${family}:${byDefault}`)
    ])
  )
