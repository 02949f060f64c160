/**
 * An image as a value: what a guest is made from, and the facts about it that change how it is started and entered.
 *
 * Registry entries, a user's own file and images built from packages all give the same value, so that nothing downstream asks for a
 * distribution's name.
 */
import * as Schema from "effect/Schema"

export const Architecture = Schema.Literals(["x86_64", "aarch64"])
export type Architecture = typeof Architecture.Type

/** A file's digest as its publisher gives it. */
export const Digest = Schema.Struct({
  algorithm: Schema.Literals(["sha256", "sha512"]),
  /** Lower case hexadecimal. */
  hex: Schema.String.check(
    Schema.isPattern(/^(?:[0-9a-f]{64}|[0-9a-f]{128})$/u, {
      message: "expected 64 or 128 lower case hexadecimal digits"
    })
  )
})
export type Digest = typeof Digest.Type

/** A published file that never changes: several places to get it from, in order of preference. */
export const PinnedSource = Schema.TaggedStruct("Pinned", {
  urls: Schema.NonEmptyArray(Schema.String),
  digest: Digest,
  /** Bytes, where the publisher says so: for progress, not for trust. */
  size: Schema.optionalKey(Schema.Finite)
})
export type PinnedSource = typeof PinnedSource.Type

/** A guest that is put together here from a distribution's own packages. */
export const PackagesSource = Schema.TaggedStruct("Packages", {
  /** Row of the image builder's table, such as `debian-12`. */
  recipe: Schema.String
})
export type PackagesSource = typeof PackagesSource.Type

/** A disk image on this machine. */
export const FileSource = Schema.TaggedStruct("File", { path: Schema.String })
export type FileSource = typeof FileSource.Type

/** A disk that a user once put into the cache; nobody else can get it again. */
export const ImportedSource = Schema.TaggedStruct("Imported", {
  digest: Digest,
  /** Absolute path of the file that it was copied from. */
  origin: Schema.String
})
export type ImportedSource = typeof ImportedSource.Type

export const ImageSource = Schema.Union([PinnedSource, PackagesSource, FileSource, ImportedSource])
export type ImageSource = typeof ImageSource.Type

/**
 * How the agent gets into the guest.
 *
 * - `installed`: the image holds the agent's unit, which takes the program from the agent disk.
 * - `credential`: systemd ≥ 256 makes the unit from an SMBIOS credential.
 * - `tmpfiles`: systemd 252–255 makes it by `tmpfiles.extra`; a udev rule starts it when the port appears.
 * - `nocloud`: cloud-init installs it in one preparation boot.
 */
export const EntryStrategy = Schema.Literals(["installed", "credential", "tmpfiles", "nocloud"])
export type EntryStrategy = typeof EntryStrategy.Type

/** What is known of a family or release and changes what the driver does. */
export const ImageFacts = Schema.Struct({
  init: Schema.Literals(["systemd", "openrc", "sysvinit"]),
  /** Major version of systemd, where it is known. */
  systemd: Schema.optionalKey(Schema.Int),
  entry: EntryStrategy,
  /** The kernel can mount 9p shares. */
  ninep: Schema.Boolean,
  /** The kernel can mount virtiofs shares. */
  virtiofs: Schema.Boolean,
  rootFilesystem: Schema.Literals(["ext4", "xfs", "btrfs"]),
  /** The root file system is on a logical volume. */
  lvm: Schema.Boolean,
  /** What configures the network when the guest boots. */
  networkManager: Schema.Literals(["netplan", "networkd", "NetworkManager", "ifupdown", "dhcpcd"]),
  selinux: Schema.Literals(["none", "permissive", "enforcing"]),
  packageManager: Schema.Literals(["apt", "dnf", "zypper", "pacman", "apk"]),
  /** Needs the instructions of x86-64-v2 (among them `cmpxchg16b`) or of a later level. */
  cpuLevel: Schema.Literals([1, 2, 3]),
  /** Units that only cost time in a test: masked when the guest is settled. */
  slowUnits: Schema.Array(Schema.String)
})
export type ImageFacts = typeof ImageFacts.Type

export const Image = Schema.Struct({
  /** As users write it, such as `debian:12`. */
  id: Schema.String,
  family: Schema.String,
  version: Schema.String,
  architecture: Architecture,
  /** Tried in their order: the first that can be had is used. */
  sources: Schema.NonEmptyArray(ImageSource),
  format: Schema.Literals(["qcow2", "raw"]),
  facts: ImageFacts,
  /** Day after which nobody mends the release any more, such as `2028-06-30`; absent where it is not known. */
  endOfLife: Schema.optionalKey(Schema.String)
})
export type Image = typeof Image.Type
