/** A row of the registry, with its family's facts, as the image that the driver works with. */
import type { Image, ImageFacts, ImageSource } from "@nix-vm-test/core/spec/Image"
import { families, type Family, unknownFamily } from "./families.ts"
import type { RegistryImage } from "./Registry.ts"

export const familyNamed = (name: string): Family => families.find((family) => family.name === name) ?? unknownFamily

export const factsOf = (family: Family, version: string): ImageFacts => family.releases[version] ?? family.otherwise

/** The image builder makes guests for x86_64. */
const packagesSources = (family: Family, row: RegistryImage): ReadonlyArray<ImageSource> =>
  row.architecture === "x86_64" && family.buildable.includes(row.version)
    ? [{ _tag: "Packages", recipe: `${family.name}-${row.version}` }]
    : []

export const toImage = (familyName: string, row: RegistryImage): Image => {
  const family = familyNamed(familyName)
  const { version, architecture, urls, digest, size, endOfLife } = row
  return {
    id: `${familyName}:${version}`,
    family: familyName,
    version,
    architecture,
    sources: [
      { _tag: "Pinned", urls, digest, ...(size === undefined ? {} : { size }) },
      ...packagesSources(family, row)
    ],
    format: "qcow2",
    facts: factsOf(family, version),
    endOfLife
  }
}
