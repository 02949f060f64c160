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

/** What the file's name begins with, as a word of its own: `arch-linux.qcow2` is Arch's, `archive.qcow2` is not. */
const beginningOf = (fileName: string, { fileNames, aliases }: DistributionNames): string | undefined => {
  const codenames = Object.keys(aliases).filter((alias) => /^[a-z]/u.test(alias))
  return [...fileNames, ...codenames].find(
    (word) => fileName.startsWith(word) && !/^[a-z]/u.test(fileName.slice(word.length))
  )
}

/** The first word that the distribution knows as a release, such as `12` in `debian-12-generic-amd64.qcow2`; else a number at the beginning. */
const versionIn = (distribution: DistributionNames, fileName: string, beginning: string): string => {
  const words = fileName.match(/(?<![a-z0-9.])[a-z]+(?![a-z0-9])|(?<![\d.])\d+(?:\.\d+)?(?!\d)/gu) ?? []
  const release = words.find((word) => releaseNamed(distribution, word) !== undefined)
  return release ?? /^[-_]?v?(\d+(?:\.\d+)?)/u.exec(fileName.slice(beginning.length))?.[1] ?? ""
}

const guessFromName = (address: string): Guess | undefined => {
  const fileName = fileNameOf(address).toLowerCase()
  for (const distribution of distributions) {
    const beginning = beginningOf(fileName, distribution)
    if (beginning !== undefined) return { distribution, version: versionIn(distribution, fileName, beginning) }
  }
  return undefined
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
