/** What can go wrong between an image's name and its verified files on this machine. */
import * as Schema from "effect/Schema"

/** No image of that name and version is known. */
export const UnknownImage = Schema.TaggedStruct("UnknownImage", {
  reference: Schema.String,
  /** The best matches first; empty where nothing is close. */
  suggestions: Schema.Array(Schema.String),
  /** Every name that there is. */
  known: Schema.Array(Schema.String)
})
/** The name is known, but not for this architecture. */
export const NoSuchArchitecture = Schema.TaggedStruct("NoSuchArchitecture", {
  reference: Schema.String,
  architecture: Schema.String
})
/** None of the URLs gave the file. */
export const DownloadFailed = Schema.TaggedStruct("DownloadFailed", {
  attempts: Schema.Array(Schema.Struct({ url: Schema.String, why: Schema.String }))
})
/** The bytes are others than the publisher announced. */
export const DigestMismatch = Schema.TaggedStruct("DigestMismatch", {
  url: Schema.String,
  expected: Schema.String,
  actual: Schema.String,
  /** Where the refused bytes are kept. */
  keptAt: Schema.String
})
/** A user's file, or one of the cache, has another digest than it should have. */
export const WrongDigest = Schema.TaggedStruct("WrongDigest", {
  path: Schema.String,
  expected: Schema.String,
  actual: Schema.String
})
/** An image that a user imported is no longer in the cache. */
export const ImportGone = Schema.TaggedStruct("ImportGone", { image: Schema.String, origin: Schema.String })
/** The name to be given to an image means another one already. */
export const NameTaken = Schema.TaggedStruct("NameTaken", { name: Schema.String, by: Schema.String })
/** The file is whole, but no disk that QEMU could start from. */
export const NotADisk = Schema.TaggedStruct("NotADisk", { path: Schema.String, seen: Schema.String })
/** No firmware of a PC would find a program on the disk. */
export const NotBootable = Schema.TaggedStruct("NotBootable", { path: Schema.String })
/** The disk's own tables point beyond the end of its file. */
export const Truncated = Schema.TaggedStruct("Truncated", { path: Schema.String, detail: Schema.String })
/** The disk takes its content from a file that nobody verified. */
export const ForeignBacking = Schema.TaggedStruct("ForeignBacking", { path: Schema.String, backing: Schema.String })
export const NoSpace = Schema.TaggedStruct("NoSpace", {
  path: Schema.String,
  /** Bytes still wanted, where they are known. */
  neededBytes: Schema.optionalKey(Schema.Finite)
})
/** A program of the image builder, or of QEMU, said no. */
export const BuildFailed = Schema.TaggedStruct("BuildFailed", {
  recipe: Schema.String,
  logPath: Schema.String,
  logTail: Schema.String
})
/** The image builder's programs are not installed. */
export const BuildToolsMissing = Schema.TaggedStruct("BuildToolsMissing", {
  programs: Schema.Array(Schema.String),
  packages: Schema.Array(Schema.String)
})
/** A program that writes cloud-init's seed is not installed. */
export const SeedToolMissing = Schema.TaggedStruct("SeedToolMissing", { program: Schema.String })
/** Nobody says where Debian's packages are to be had. */
export const NoDebianMirror = Schema.TaggedStruct("NoDebianMirror", {})
export const UnknownRecipe = Schema.TaggedStruct("UnknownRecipe", {
  recipe: Schema.String,
  known: Schema.Array(Schema.String)
})
/** Another process holds the lock and goes on living. */
export const LockTimeout = Schema.TaggedStruct("LockTimeout", {
  path: Schema.String,
  pid: Schema.Int,
  waitedMs: Schema.Finite
})
export const FileMissing = Schema.TaggedStruct("FileMissing", { path: Schema.String })
/** The image is not in the cache, and the cache can't be written to. */
export const ReadOnlyCache = Schema.TaggedStruct("ReadOnlyCache", { path: Schema.String })
/** The operating system refused, in a way none of the others names. */
export const HostRefused = Schema.TaggedStruct("HostRefused", {
  operation: Schema.String,
  path: Schema.String,
  detail: Schema.String
})
/** The image has several sources, and none of them can be had. */
export const NoSourceLeft = Schema.TaggedStruct("NoSourceLeft", {
  image: Schema.String,
  failures: Schema.Array(Schema.Struct({ source: Schema.String, why: Schema.String }))
})

export const ImageErrorReason = Schema.Union([
  UnknownImage,
  NoSuchArchitecture,
  DownloadFailed,
  DigestMismatch,
  WrongDigest,
  ImportGone,
  NameTaken,
  NotADisk,
  NotBootable,
  Truncated,
  ForeignBacking,
  NoSpace,
  BuildFailed,
  BuildToolsMissing,
  SeedToolMissing,
  NoDebianMirror,
  UnknownRecipe,
  LockTimeout,
  FileMissing,
  ReadOnlyCache,
  HostRefused,
  NoSourceLeft
])
export type ImageErrorReason = typeof ImageErrorReason.Type

/** Names of all releases would fill a screen. */
const distributionsOf = (names: ReadonlyArray<string>): string =>
  [...new Set(names.map((name) => name.slice(0, name.indexOf(":"))))].join(", ")

const indent = (text: string): string => text.replaceAll(/^/gmu, "  ")

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`

/** What the builder's log says about a refusal that has a known remedy. */
const buildHint = (log: string): string => {
  if (/newuidmap|subordinate|uid_map|gid_map/u.test(log)) {
    return "\nThe builder needs subordinate user ids: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"
  }
  if (/unshare: .*(?:not permitted|denied)/u.test(log)) {
    return "\nThe builder needs user namespaces, which this host forbids (see sysctl kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns), or root."
  }
  if (/No space left on device/u.test(log))
    return "\nThe disk is full: building an image takes about 3 GiB while it lasts."
  if (/Temporary failure resolving|Could not connect|Could not resolve/u.test(log)) {
    return "\nDebian's mirror can't be reached: check the network, or name another one in NIX_VM_TEST_DEBIAN_MIRROR."
  }
  return ""
}

const explain = (reason: ImageErrorReason): string => {
  switch (reason._tag) {
    case "UnknownImage":
      return reason.suggestions.length === 0
        ? `no image is called "${reason.reference}"; there are ${distributionsOf(reason.known)}. A file or a URL of your own does as well.`
        : `no image is called "${reason.reference}": did you mean ${reason.suggestions.map((name) => `"${name}"`).join(" or ")}?`
    case "NoSuchArchitecture":
      return `there is no "${reason.reference}" for ${reason.architecture}`
    case "DownloadFailed":
      return `the image can't be downloaded:\n${reason.attempts.map(({ url, why }) => `  ${url}: ${why}`).join("\n")}`
    case "DigestMismatch":
      return `${reason.url} gave other bytes than were announced, and they are not used.\n  expected ${reason.expected}\n  got      ${reason.actual}\nThey are kept at ${reason.keptAt}. Something between here and there changed them, or the pin is wrong.`
    case "WrongDigest":
      return `${reason.path} has other bytes than were announced.\n  expected ${reason.expected}\n  got      ${reason.actual}`
    case "ImportGone":
      return `${reason.image} was imported from ${reason.origin}, and is not in the cache any more: import it again`
    case "NameTaken":
      return `the name "${reason.name}" is taken: it is ${reason.by}`
    case "NotADisk":
      return `${reason.path} is no disk image: ${reason.seen}`
    case "NotBootable":
      return `${reason.path} can't be started from: its boot sector is empty. It has no system on it, or one for another processor (aarch64) or for UEFI only.`
    case "Truncated":
      return `${reason.path} is cut off: ${reason.detail}. Delete it and get it again.`
    case "ForeignBacking":
      return `${reason.path} reads from another file, ${reason.backing}, which was not verified. Flatten it: qemu-img convert -O qcow2 ${reason.path} flat.qcow2`
    case "NoSpace":
      return `no space left while writing ${reason.path}${reason.neededBytes === undefined ? "" : `: ${mebibytes(reason.neededBytes)} more are needed`}. Free some, or put the cache elsewhere with NIX_VM_TEST_CACHE.`
    case "BuildFailed":
      return `building ${reason.recipe} failed. The end of ${reason.logPath}:\n${indent(reason.logTail)}${buildHint(reason.logTail)}`
    case "BuildToolsMissing":
      return `the image builder needs ${reason.programs.join(", ")}: apt install ${reason.packages.join(" ")}`
    case "SeedToolMissing":
      return `the disk with cloud-init's seed is written by ${reason.program}: apt install mtools`
    case "NoDebianMirror":
      return "this machine's apt names no Debian mirror to build the image from: name one in NIX_VM_TEST_DEBIAN_MIRROR (a URL that has dists/ below it)"
    case "UnknownRecipe":
      return `the image builder has no recipe "${reason.recipe}"; it knows ${reason.known.join(", ")}`
    case "LockTimeout":
      return `process ${reason.pid} has been holding ${reason.path} for longer than ${Math.round(reason.waitedMs / 1000)} s. If it hangs, end it; the lock goes with it.`
    case "FileMissing":
      return `there is no file ${reason.path}`
    case "ReadOnlyCache":
      return `the image is not in the cache, and ${reason.path} can't be written. Name a writable folder in NIX_VM_TEST_CACHE, or fill this one first.`
    case "HostRefused":
      return `can't ${reason.operation} ${reason.path}: ${reason.detail}`
    case "NoSourceLeft":
      return `${reason.image} can't be had:\n${reason.failures.map(({ source, why }) => `  ${source}: ${indent(why).trimStart()}`).join("\n")}`
  }
}

export class ImageError extends Schema.TaggedError<ImageError>()("ImageError", { reason: ImageErrorReason }) {
  override get message(): string {
    return explain(this.reason)
  }
}
