/** The shares of a machine, and the way of each: from what its kernel has, what this host has, and what the share is for; pure. */
import * as path from "node:path"
import * as Result from "effect/Result"
import type { Image } from "../spec/Image.ts"
import type { MachineSpec } from "../spec/MachineSpec.ts"
import type { ShareWay } from "../spec/ShareSpec.ts"
import type { HostFacts } from "./HostFacts.ts"
import { PlanError } from "./PlanError.ts"
import type { ExchangeFolders, RegistrationPlan, ShareContent, SharePath, SharePlan } from "./SharePlan.ts"

export interface PlanSharesOptions {
  readonly machine: string
  readonly spec: MachineSpec
  readonly image: Image
  readonly host: HostFacts
  readonly baseDirectory: string
  /** Where they are if the machine has them. */
  readonly exchange: ExchangeFolders
  /** A path of the machine's own in the run directory. */
  readonly file: (ending: string) => string
  readonly socket: (ending: string) => Result.Result<string, PlanError>
}

/** A share before its way is chosen. */
interface Wanted {
  readonly name: string
  readonly content: ShareContent
  readonly target: string
  readonly readOnly: boolean
  readonly via?: ShareWay | undefined
  /** Ways that can't serve, with the reason. */
  readonly unfit: Readonly<Partial<Record<ShareWay, string>>>
  readonly ofTheRun: boolean
}

const liveOnly = {
  image: "both sides have to see what the other writes",
  copy: "both sides have to see what the other writes"
}

const wholeStore = {
  image: "all of a store is too large for an image",
  copy: "all of a store is too large for a copy"
}

const closureOnly = { "9p": "it would show the whole store", virtiofs: "it would show the whole store" }

const sharedFolders = ({ spec, baseDirectory }: PlanSharesOptions): ReadonlyArray<Wanted> =>
  Object.entries(spec.shares).map(([name, share]) => ({
    name,
    content: { folder: path.resolve(baseDirectory, share.source) },
    target: share.target,
    readOnly: share.readOnly,
    via: share.via,
    unfit: {},
    ofTheRun: false
  }))

const exchangeFolders = ({ spec, exchange: { shared, own } }: PlanSharesOptions): ReadonlyArray<Wanted> => {
  const exchange = { readOnly: false, unfit: liveOnly, ofTheRun: true }
  return spec.exchange
    ? [
        { ...exchange, name: "nvt:shared", content: { folder: shared }, target: "/tmp/shared" },
        { ...exchange, name: "nvt:xchg", content: { folder: own }, target: "/tmp/xchg" }
      ]
    : []
}

const closureInfoOf = ({ spec, baseDirectory }: PlanSharesOptions): ReadonlyArray<string> =>
  spec.extraPathsToRegister.map((folder) => path.resolve(baseDirectory, folder))

const nixStore = (options: PlanSharesOptions): ReadonlyArray<Wanted> => {
  const { store, storeDir } = options.spec
  if (store === "none") return []
  const common = { name: "nvt:store", target: storeDir, readOnly: true, ofTheRun: false }
  return store === "host"
    ? [{ ...common, content: { folder: storeDir }, unfit: wholeStore }]
    : [{ ...common, content: { closureInfo: closureInfoOf(options), storeDir }, unfit: closureOnly }]
}

/** Best first: without another reason a guest sees the host's folder itself, but only a writable share is worth the boot instead of a clone. */
const preferred = ({ readOnly }: Wanted, start: MachineSpec["start"]): ReadonlyArray<ShareWay> =>
  readOnly && start !== "cold" ? ["9p", "image", "virtiofs", "copy"] : ["9p", "virtiofs", "image", "copy"]

/** Why a share can't come in a way. */
const obstacle = (options: PlanSharesOptions, wanted: Wanted, way: ShareWay): string | undefined => {
  const { image, host, spec } = options
  const unfit = wanted.unfit[way]
  if (unfit !== undefined) return unfit
  switch (way) {
    case "9p":
      if (!image.facts.ninep) return `the kernel of ${image.id} has no 9p`
      return host.ninep ? undefined : "this QEMU was built without it"
    case "virtiofs":
      if (!image.facts.virtiofs) return `the kernel of ${image.id} has no virtiofs`
      if (spec.start === "clone")
        return "a clone can't have it: the memory of a clone is its own, virtiofs needs some that the host has too"
      return host.virtiofsd === undefined
        ? "no virtiofsd was found that can be used (apt install virtiofsd, and uidmap for users who are not root)"
        : undefined
    case "image":
      if (!wanted.readOnly) return "it is read-only"
      return host.squashfsTool === undefined ? "mksquashfs was not found (apt install squashfs-tools)" : undefined
    case "copy":
      return undefined
  }
}

/** A way's own parts, where nothing is in its way. */
const pathBy = (options: PlanSharesOptions, way: ShareWay, position: number): Result.Result<SharePath, PlanError> => {
  const { virtiofsd, squashfsTool } = options.host
  if (way === "virtiofs" && virtiofsd !== undefined) {
    return Result.map(options.socket(`fs${position + 1}`), (socket) => ({
      _tag: "virtiofs",
      daemon: virtiofsd,
      socket
    }))
  }
  if (way === "image" && squashfsTool !== undefined) {
    // No disk's name has a dot.
    const image = { path: options.file(`share${position + 1}.squashfs`), serial: `share.${position + 1}` }
    return Result.succeed({ _tag: "image", tool: squashfsTool, ...image })
  }
  return Result.succeed({ _tag: way === "9p" ? "9p" : "copy" })
}

const meaning = (wanted: Wanted, way: ShareWay): string => {
  switch (way) {
    case "9p":
    case "virtiofs":
      return wanted.readOnly ? "it sees what the host changes" : "each side sees what the other writes"
    case "image":
      return "what it holds when the machine first starts"
    case "copy":
      return wanted.readOnly
        ? "what it holds when the machine first starts"
        : "what the guest changes is written back when the machine is shut down and at the run's end, deletions excepted; a crash loses it"
  }
}

const told = (options: PlanSharesOptions, wanted: Wanted, way: ShareWay, why: ReadonlyArray<string>): string => {
  const named = { "9p": "by 9p", virtiofs: "by virtiofs", image: "as a read-only image", copy: "as a copy" }[way]
  const boots = way === "virtiofs" && options.spec.start === "auto" ? ["so the machine boots and is no clone"] : []
  const reasons = [...why, ...boots]
  return `${wanted.target} comes ${named}: ${meaning(wanted, way)}${reasons.length === 0 ? "" : ` (${reasons.join("; ")})`}`
}

const planShare = (
  options: PlanSharesOptions,
  wanted: Wanted,
  position: number
): Result.Result<SharePlan, PlanError> => {
  const candidates = wanted.via === undefined ? preferred(wanted, options.spec.start) : [wanted.via]
  const obstacles: Array<string> = []
  for (const way of candidates) {
    const why = obstacle(options, wanted, way)
    if (why === undefined) {
      return Result.map(pathBy(options, way, position), (by) => ({
        mountTag: wanted.name,
        content: wanted.content,
        target: wanted.target,
        readOnly: wanted.readOnly,
        ofTheRun: wanted.ofTheRun,
        by,
        told: told(options, wanted, way, obstacles)
      }))
    }
    obstacles.push(`${way}: ${why}`)
  }
  const { machine } = options
  return Result.fail(new PlanError({ reason: { _tag: "ShareImpossible", machine, target: wanted.target, obstacles } }))
}

/** What the machine shares with the host, in the order of its mounts. */
export const planShares = (options: PlanSharesOptions): Result.Result<ReadonlyArray<SharePlan>, PlanError> =>
  Result.all(
    [...nixStore(options), ...exchangeFolders(options), ...sharedFolders(options)].map((wanted, position) =>
      planShare(options, wanted, position)
    )
  )

/** The registration of what the guest has of a store. */
export const planRegistration = (options: PlanSharesOptions): RegistrationPlan | undefined => {
  const closureInfo = closureInfoOf(options)
  return closureInfo.length === 0
    ? undefined
    : { closureInfo, target: path.posix.join(path.posix.dirname(options.spec.storeDir), "nix-path-registration") }
}
