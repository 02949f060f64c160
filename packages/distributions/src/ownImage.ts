/** Users' own files and URLs as images: with the facts of the distribution that they name, else of the one that the file's name tells. */
import type { Architecture, Image, ImageFacts, ImageSource } from "@nix-vm-test/core/spec/Image"
import type { ImageFile, ImageUrl } from "@nix-vm-test/core/spec/ImageReference"
import { fileNameOf } from "./imageUrl.ts"
import { decodedDistribution, type DistributionNames, distributions } from "./registry.ts"
import { releaseNamed } from "./releaseNamed.ts"

/** Any cloud image: cloud-init is the one way in that they all have, and no share is mounted by the kernel alone. */
const unknownFacts: ImageFacts = {
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
}

const unknownFamily = "generic"

interface Guess {
  readonly distribution: DistributionNames
  readonly version: string
}

/** The first word of a file's name that its distribution knows as a release, such as `12` in `debian-12-generic-amd64.qcow2`. */
const versionIn = (distribution: DistributionNames, fileName: string): string =>
  fileName
    .match(/(?<![a-z0-9.])[a-z]+(?![a-z0-9])|(?<![\d.])\d+(?:\.\d+)?(?!\d)/gu)
    ?.find((word) => releaseNamed(distribution, word) !== undefined) ??
  /\d+(?:\.\d+)?/u.exec(fileName)?.[0] ??
  ""

const guessFromName = (address: string): Guess | undefined => {
  const fileName = fileNameOf(address).toLowerCase()
  const distribution = distributions.find(({ fileNames, aliases }) =>
    [...fileNames, ...Object.keys(aliases).filter((alias) => /^[a-z]/u.test(alias))].some((start) =>
      fileName.startsWith(start)
    )
  )
  return distribution === undefined ? undefined : { distribution, version: versionIn(distribution, fileName) }
}

const factsOf = (
  distribution: DistributionNames | undefined,
  version: string,
  architecture: Architecture
): ImageFacts => {
  if (distribution === undefined) return unknownFacts
  const { facts, releases } = decodedDistribution(distribution)
  const release = releases[releaseNamed(distribution, version) ?? ""]
  return { ...facts, ...release?.facts, ...release?.images[architecture]?.facts }
}

export interface OwnImageOptions {
  readonly reference: ImageFile | ImageUrl
  /** Path or URL. */
  readonly address: string
  readonly source: ImageSource
  readonly architecture: Architecture
}

export const ownImage = ({ reference, address, source, architecture }: OwnImageOptions): Image => {
  const guess = guessFromName(address)
  const distribution =
    reference.family === undefined
      ? guess?.distribution
      : distributions.find(({ family }) => family === reference.family)
  const version = reference.version ?? (guess?.distribution === distribution ? guess?.version : undefined) ?? ""
  return {
    id: fileNameOf(address),
    family: reference.family ?? distribution?.family ?? unknownFamily,
    version,
    architecture,
    sources: [source],
    // A guess for the cache's file name; the store looks into the file.
    format: address.endsWith(".raw") ? "raw" : "qcow2",
    facts: factsOf(distribution, version, architecture)
  }
}
