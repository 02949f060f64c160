/** What a distribution's file says twice must agree, and what it names must be there. */
import { dayOfBuild } from "./dayOfBuild.ts"
import type { Distribution, PublishedImage } from "./Distribution.ts"
import { type ImageRow, imageRows } from "./imageRows.ts"
import { fileNameOf, urlProblem } from "./imageUrl.ts"

export interface DistributionProblem {
  readonly path: ReadonlyArray<string>
  readonly issue: string
}

const digits = { sha256: 64, sha512: 128 } as const satisfies Record<PublishedImage["digest"]["algorithm"], number>

const numbersOf = (text: string): ReadonlyArray<number> => (text.match(/\d+/gu) ?? []).map(Number)

/** By their numbers; those that have none come last. */
const isBefore = (one: string, other: string): boolean => {
  const others = numbersOf(other)
  const numbers = numbersOf(one)
  if (numbers.length === 0 || others.length === 0) return others.length === 0 && numbers.length > 0
  const at = numbers.findIndex((number, index) => number !== others[index])
  return at >= 0 && (numbers[at] ?? 0) < (others[at] ?? 0)
}

const firstTwice = (values: ReadonlyArray<string>): string | undefined =>
  values.find((value, index) => values.indexOf(value) !== index)

/** systemd reads credentials of the firmware from 252 on, and makes units of them from 256 on. */
const entryNeeds = { installed: 0, nocloud: 0, tmpfiles: 252, credential: 256 } as const

const factsProblem = ({ distribution, release, image }: ImageRow): string | undefined => {
  const { entry, init, systemd, slowUnits } = { ...distribution.facts, ...release.facts, ...image.facts }
  if (init !== "systemd") {
    if (systemd !== undefined || slowUnits.length > 0) return `${init} has no units and no version of systemd`
    return entryNeeds[entry] > 0 ? `the agent can't enter by ${entry} without systemd` : undefined
  }
  return systemd !== undefined && systemd < entryNeeds[entry]
    ? `the agent can't enter by ${entry}: systemd ${systemd} is older than ${entryNeeds[entry]}`
    : undefined
}

/** A build that is named by its day was published on that day. */
const dateProblem = ({ image: { build, published } }: ImageRow): string | undefined => {
  const day = dayOfBuild(build)
  return day === undefined || published === day
    ? undefined
    : `the build ${build} was published on ${day}, not ${published ?? "on an unknown day"}`
}

const rowProblem = (row: ImageRow): string | undefined => {
  const { distribution, version, architecture, image } = row
  const { digest, urls, build } = image
  if (digest.hex.length !== digits[digest.algorithm]) {
    return `a ${digest.algorithm} digest has ${digits[digest.algorithm]} digits`
  }
  const { frozenArchives = [] } = distribution
  const badUrl = urls
    .map((url) => urlProblem({ url, architecture, build, digest: digest.hex, frozenArchives }))
    .find((problem) => problem !== undefined)
  if (badUrl !== undefined) return badUrl
  const otherRelease = urls.find((url) => !numbersOf(version).every((number) => numbersOf(url).includes(number)))
  if (otherRelease !== undefined) return `${otherRelease} does not name the release ${version}`
  const names = [...new Set(urls.map(fileNameOf))]
  if (names.length > 1) return `the addresses name different files: ${names.join(", ")}`
  return dateProblem(row) ?? factsProblem(row)
}

/** The newest release of a major that an alias such as `9` stands for. */
const newestOf = (major: string, versions: ReadonlyArray<string>): string | undefined =>
  versions.findLast((version) => version.startsWith(`${major}.`))

const nameProblems = ({ aliases, releases, default: byDefault }: Distribution): ReadonlyArray<DistributionProblem> => {
  const versions = Object.keys(releases)
  const named = Object.entries(aliases).flatMap(([alias, version]): ReadonlyArray<DistributionProblem> => {
    const path = ["aliases", alias]
    if (versions.includes(alias)) return [{ path, issue: `${alias} is a release itself` }]
    if (!versions.includes(version)) return [{ path, issue: `there is no release ${version}` }]
    const newest = /^\d+$/u.test(alias) ? newestOf(alias, versions) : version
    return newest === version ? [] : [{ path, issue: `the newest ${alias} is ${newest ?? "none"}, not ${version}` }]
  })
  const disordered = versions.find((version, index) => index > 0 && !isBefore(versions[index - 1] ?? "", version))
  return [
    ...(versions.includes(byDefault) ? [] : [{ path: ["default"], issue: `there is no release ${byDefault}` }]),
    ...named,
    ...(disordered === undefined
      ? []
      : [{ path: ["releases", disordered], issue: "releases are listed from the oldest on" }])
  ]
}

/** Everything that is wrong, where it is wrong. */
export const distributionProblems = (distribution: Distribution): ReadonlyArray<DistributionProblem> => {
  const rows = imageRows(distribution)
  const twice =
    firstTwice(rows.map(({ image }) => image.digest.hex)) ?? firstTwice(rows.flatMap(({ image }) => image.urls))
  const imageless = Object.entries(distribution.releases).find(
    ([, { images }]) => images.x86_64 === undefined && images.aarch64 === undefined
  )
  return [
    ...nameProblems(distribution),
    ...(imageless === undefined
      ? []
      : [{ path: ["releases", imageless[0]], issue: "a release has an image at least" }]),
    ...(twice === undefined ? [] : [{ path: ["releases"], issue: `${twice} is there twice` }]),
    ...rows.flatMap((row) => {
      const issue = rowProblem(row)
      return issue === undefined ? [] : [{ path: ["releases", row.version, "images", row.architecture], issue }]
    })
  ]
}
