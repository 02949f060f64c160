/**
 * What an address must say to be a pin: which build it is, and for which architecture. A moving address, or one of another processor, would
 * fail on users' machines only, or not at all.
 */
import type { Architecture } from "@nix-vm-test/core/spec/Image"

/** How publishers write the architectures into file names. */
export const architectureTokens = {
  x86_64: ["amd64", "x86_64"],
  aarch64: ["arm64", "aarch64"]
} as const satisfies Record<Architecture, ReadonlyArray<string>>

/** Whether `token` stands in the text by itself: `amd64` is not in `amd64v3`, nor `x86_64` in `x86_64_v2`. */
export const namesToken = (text: string, token: string): boolean => {
  const around = text.split(token)
  return around.some((before, index) => {
    const after = around[index + 1]
    return after !== undefined && !/[0-9A-Za-z]$/u.test(before) && !/^(?:[0-9A-Za-z]|_v\d)/u.test(after)
  })
}

const cpuLevel = /(?:amd64|x86[_-]64)[_-]?v\d/iu

/** Names that publishers give to whatever is newest, and folders that they empty by a clock. */
const moving = /(?<![0-9a-z])(?:latest|current|daily|nightly|snapshots?)(?![0-9a-z])|\/release\//iu

export const fileNameOf = (address: string): string => address.slice(address.lastIndexOf("/") + 1)

export interface PinnedUrl {
  readonly url: string
  readonly architecture: Architecture
  readonly build: string
  /** Hexadecimal. */
  readonly digest: string
  /** Beginnings of addresses below which nothing ever changes. */
  readonly frozenArchives: ReadonlyArray<string>
}

/** A build is named when each of its parts is: `3.24.1-r0` in `alpine-3.24.1-x86_64-r0`. */
const namesBuild = ({ url, build }: PinnedUrl): boolean => build.split("-").every((part) => namesToken(url, part))

const architectureProblem = ({ url, architecture }: PinnedUrl): string | undefined => {
  const name = fileNameOf(url)
  if (cpuLevel.test(url)) return `${url} is for processors of a later level than ${architecture}`
  if (!architectureTokens[architecture].some((token) => namesToken(name, token))) {
    return `${url} does not name the architecture ${architecture}`
  }
  const others = Object.entries(architectureTokens).flatMap(([other, tokens]) => (other === architecture ? [] : tokens))
  return others.some((token) => namesToken(url, token))
    ? `${url} names another architecture than ${architecture}`
    : undefined
}

/** Why the address is no pin; undefined where it is one. */
export const urlProblem = (pinned: PinnedUrl): string | undefined => {
  const { url, build, digest, frozenArchives } = pinned
  if (!/^https:\/\/[\w.-]+(?:\/[^\s/?#@]+)+$/u.test(url)) return `${url} is not a plain https address`
  if (!/\.(?:qcow2|img|raw)$/u.test(url)) return `${url} is not the name of a disk image`
  const frozen = frozenArchives.some((archive) => url.startsWith(archive))
  const addressed = url.includes(digest)
  if (!addressed && !frozen && moving.test(url)) return `${url} may change: it is the address of whatever is newest`
  if (!addressed && !namesBuild(pinned)) return `${url} may change: it does not name the build ${build}`
  return architectureProblem(pinned)
}
