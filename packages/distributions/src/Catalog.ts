/** The catalog of images: names out of the registry, and the files and URLs that users bring. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Architecture, Image, ImageSource } from "@nix-vm-test/core/spec/Image"
import type { ImageFile, ImageReference, ImageUrl, NamedImage } from "@nix-vm-test/core/spec/ImageReference"
import { nearest } from "@nix-vm-test/core/spec/nearest"
import { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import { ImageError } from "@nix-vm-test/core/store/ImageError"
import { families, type Family, unknownFamily } from "./families.ts"
import { type Registry, registries, type RegistryImage } from "./Registry.ts"
import { factsOf, familyNamed, toImage } from "./toImage.ts"

/** By their numbers. `localeCompare` would load the tables of all languages first: 10 ms at each start of the command. */
const byVersion = (one: string, other: string): number => {
  const others = other.split(".")
  for (const [index, number] of one.split(".").entries()) {
    const difference = Number(number) - Number(others[index] ?? 0)
    if (difference !== 0) return difference
  }
  return one.length - other.length
}

const versionsOf = (registry: Registry): ReadonlyArray<string> =>
  [...new Set(registry.images.map(({ version }) => version))].toSorted(byVersion)

const namesOf = (registry: Registry): ReadonlyArray<string> =>
  versionsOf(registry).map((version) => `${registry.family}:${version}`)

/** Every name of the registry, a family's versions in their order. */
export const catalogNames: ReadonlyArray<string> = registries.flatMap(namesOf)

const unknown = (reference: string, suggestions: ReadonlyArray<string>) =>
  new ImageError({ reason: { _tag: "UnknownImage", reference, suggestions, known: catalogNames } })

/** Rows of the version that was asked for: by number, by codename, or the newest. */
const rowsOf = (registry: Registry, version: string | undefined): ReadonlyArray<RegistryImage> => {
  const wanted = version ?? versionsOf(registry).at(-1)
  return registry.images.filter((row) => row.version === wanted || row.codename === wanted)
}

const resolveName = (reference: NamedImage, architecture: Architecture): Effect.Effect<Image, ImageError> => {
  const { name } = reference
  const [familyName = "", version] = name.split(":")
  const registry = registries.find(({ family }) => family === familyName)
  if (registry === undefined) {
    const meant = nearest(
      familyName,
      registries.map(({ family }) => family)
    )
    const names = catalogNames.filter((known) => known.startsWith(`${meant}:`))
    const same = names.filter((known) => known === `${meant}:${version}`)
    return Effect.fail(unknown(name, same.length > 0 ? same : names))
  }
  const rows = rowsOf(registry, version)
  if (rows.length === 0) {
    const codename = nearest(
      version ?? "",
      registry.images.map((row) => row.codename)
    )
    return Effect.fail(unknown(name, codename === undefined ? namesOf(registry) : [`${familyName}:${codename}`]))
  }
  const row = rows.find((candidate) => candidate.architecture === architecture)
  return row === undefined
    ? Effect.fail(new ImageError({ reason: { _tag: "NoSuchArchitecture", reference: name, architecture } }))
    : Effect.succeed(toImage(familyName, row))
}

const fileNameOf = (address: string): string => address.slice(address.lastIndexOf("/") + 1)

/** A family whose name stands in the file's own, and the version after it, such as `debian-12-generic-amd64.qcow2`. */
const guessFromName = (address: string): { readonly family: Family; readonly version: string } | undefined => {
  const fileName = fileNameOf(address).toLowerCase()
  const family = families.find((candidate) => fileName.startsWith(candidate.name))
  if (family === undefined) return undefined
  const version = /^[-_]?v?(\d+(?:\.\d+)?)/u.exec(fileName.slice(family.name.length))?.[1]
  return { family, version: version ?? "" }
}

interface OwnImage {
  readonly reference: ImageFile | ImageUrl
  /** Path or URL. */
  readonly address: string
  readonly source: ImageSource
  readonly architecture: Architecture
}

/** What users bring gets the facts of the family they name, else of the one that the file's name tells, else those of any cloud image. */
const ownImage = ({ reference, address, source, architecture }: OwnImage): Image => {
  const guess = guessFromName(address)
  const family = reference.family === undefined ? (guess?.family ?? unknownFamily) : familyNamed(reference.family)
  const version = reference.version ?? (guess?.family === family ? guess.version : "")
  return {
    id: fileNameOf(address),
    family: reference.family ?? family.name,
    version,
    architecture,
    sources: [source],
    // A guess for the cache's file name; the store looks into the file.
    format: address.endsWith(".raw") ? "raw" : "qcow2",
    facts: factsOf(family, version)
  }
}

/** The image that a reference stands for; see `ImageCatalog`. */
export const resolveReference = (
  reference: ImageReference,
  architecture: Architecture
): Effect.Effect<Image, ImageError> => {
  switch (reference._tag) {
    case "Named":
      return resolveName(reference, architecture)
    case "File": {
      const { path } = reference
      return Effect.succeed(ownImage({ reference, address: path, source: { _tag: "File", path }, architecture }))
    }
    case "Url": {
      const { url, digest } = reference
      const source = { _tag: "Pinned", urls: [url], digest } as const
      return Effect.succeed(ownImage({ reference, address: url, source, architecture }))
    }
  }
}

/** The catalog that knows this package's registry. */
export const catalogLayer: Layer.Layer<ImageCatalog> = Layer.succeed(ImageCatalog, {
  resolve: resolveReference,
  names: catalogNames
})
