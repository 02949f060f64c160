/**
 * The registry: every distribution's file. Names are read as they are written; the rest is decoded when a distribution is first asked for,
 * since a start of the command needs one of them at most. The tests check all files, so that a wrong one never leaves the repository.
 */
import * as Schema from "effect/Schema"
import almalinux from "../registry/almalinux.json" with { type: "json" }
import alpine from "../registry/alpine.json" with { type: "json" }
import amazonlinux from "../registry/amazonlinux.json" with { type: "json" }
import arch from "../registry/arch.json" with { type: "json" }
import centosStream from "../registry/centos-stream.json" with { type: "json" }
import debian from "../registry/debian.json" with { type: "json" }
import fedora from "../registry/fedora.json" with { type: "json" }
import opensuse from "../registry/opensuse.json" with { type: "json" }
import oraclelinux from "../registry/oraclelinux.json" with { type: "json" }
import rocky from "../registry/rocky.json" with { type: "json" }
import ubuntu from "../registry/ubuntu.json" with { type: "json" }
import { Distribution } from "./Distribution.ts"

/** The files, with the types that follow from their content. */
export const written = {
  debian,
  ubuntu,
  fedora,
  rocky,
  almalinux,
  centosStream,
  oraclelinux,
  amazonlinux,
  opensuse,
  arch,
  alpine
} as const

/** What is needed of a distribution to find out which release a name means. */
export interface DistributionNames {
  readonly family: string
  readonly title: string
  readonly default: string
  readonly aliases: Readonly<Record<string, string>>
  readonly fileNames: ReadonlyArray<string>
  readonly releases: Readonly<Record<string, unknown>>
}

/** In the order that lists show them. */
export const distributions: ReadonlyArray<DistributionNames> = Object.values(written)

const decode = Schema.decodeUnknownSync(Distribution, { disableChecks: true })
const decoded = new Map<DistributionNames, Distribution>()

/** All that the file says. */
export const decodedDistribution = (names: DistributionNames): Distribution => {
  const distribution = decoded.get(names) ?? decode(names)
  decoded.set(names, distribution)
  return distribution
}
