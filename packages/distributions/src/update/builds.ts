/** A build's name within addresses: finding the builds that lie beside a pinned one, ordering them, and going from one to another. */
import type { PublishedImage } from "../Distribution.ts"

const numbersOf = (build: string): ReadonlyArray<number> => (build.match(/\d+/gu) ?? []).map(Number)

/** By their numbers: `20260801.1` is after `20260801`, and `b100` after `b99`. */
export const compareBuilds = (one: string, other: string): number => {
  const ones = numbersOf(one)
  const others = numbersOf(other)
  for (let index = 0; index < Math.max(ones.length, others.length); index++) {
    const difference = (ones[index] ?? -1) - (others[index] ?? -1)
    if (difference !== 0) return difference
  }
  return 0
}

/** An address in parts that either never change or are a piece of the build: all of it, or what stands between its dashes. */
const piecesOf = (build: string, text: string): ReadonlyArray<string> =>
  text.includes(build) ? [build] : build.split("-")

/** The address of another build of the same image. */
export const renewedUrl = (url: string, from: string, to: string): string => {
  const pieces = piecesOf(from, url)
  const renewed = pieces.length === 1 ? [to] : to.split("-")
  const base = url.indexOf("/", "https://".length)
  return pieces.reduce(
    (address, piece, index) => address.slice(0, base) + address.slice(base).replaceAll(piece, renewed[index] ?? piece),
    url
  )
}

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`)

/** The folder whose entries differ between builds, and what such an entry is called. */
export interface BuildPlace {
  /** Ends with a slash. */
  readonly folder: string
  /** The build that an entry's name is of, where it is one of this image. */
  readonly buildOf: (entry: string) => string | undefined
}

/** The first part of the address that names the build; undefined where none does. */
export const buildPlace = (image: PublishedImage, url: string, pattern: string): BuildPlace | undefined => {
  const { build } = image
  const segments = url.split("/")
  const whole = segments.findIndex((segment) => segment.includes(build))
  const pieces = whole >= 0 ? [build] : build.split("-")
  const at = whole >= 0 ? whole : segments.findIndex((segment) => pieces.every((piece) => segment.includes(piece)))
  const segment = segments[at]
  if (segment === undefined) return undefined
  const patterns = pieces.length === 1 ? [pattern] : pattern.split("-")
  if (patterns.length !== pieces.length) return undefined
  const expression = pieces.reduce((source, piece, index) => {
    const [first = "", ...rest] = source.split(escaped(piece))
    return `${first}(?<p${index}>${patterns[index]})${rest.join(String.raw`\k<p${index}>`)}`
  }, escaped(segment))
  const name = new RegExp(`^${expression}$`, "u")
  return {
    folder: `${segments.slice(0, at).join("/")}/`,
    buildOf: (entry) => {
      const groups = name.exec(entry)?.groups
      return groups === undefined ? undefined : pieces.map((_, index) => groups[`p${index}`]).join("-")
    }
  }
}
