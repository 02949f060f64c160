/** One machine of a test: its image, its hardware, and what it finds when it starts. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { ByteSize, DiskSizeFromText } from "./ByteSize.ts"
import { ImageReferenceFromSpec } from "./ImageReference.ts"
import { packageFields, packageProblem } from "./PackageSpec.ts"
import { AbsolutePath, Shares, storeFields, storeProblem } from "./ShareSpec.ts"

/** A name that is one label of a host name. */
export const HostName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/u, {
    expected: "a host name (letters, digits and inner hyphens, at most 63)"
  })
)

const port = (minimum: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum: 65_535 }, { expected: `a port from ${minimum} to 65535` }))

/** Permission bits, written in octal as for `chmod`. */
const FileMode = Schema.String.check(
  Schema.isPattern(/^[0-7]{3,4}$/u, { expected: `permissions in octal such as "0644"` })
).pipe(
  Schema.decodeTo(
    Schema.Int,
    SchemaTransformation.transform({
      decode: (text) => Number.parseInt(text, 8),
      encode: (mode) => mode.toString(8).padStart(4, "0")
    })
  )
)

const mode = Schema.optionalKey(
  FileMode.pipe(
    Schema.annotateEncoded({
      description: `Permissions in octal, such as "0755". Default: 0644, or those of the source.`
    })
  )
)

/** A file that is in the guest before the script runs. */
export const FileSpec = Schema.Union([
  Schema.Struct({ text: Schema.String, mode }),
  Schema.Struct({
    source: Schema.String.annotate({ description: "A file or directory of the host; relative to the spec's folder." }),
    mode
  })
]).annotate({ expected: `{ "text": "…" } or { "source": "./file" }` })
export type FileSpec = typeof FileSpec.Type

/** A name that the guest has as the disk's serial number, which virtio cuts off after 20 bytes. */
const DiskName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,19}$/u, {
    expected: "a disk's name (letters, digits, hyphen, underscore, at most 20)"
  })
)

/** An empty disk beside the root disk. */
export const DiskSpec = Schema.Struct({ size: ByteSize })
export type DiskSpec = typeof DiskSpec.Type

/** A TCP port of the guest that is reached on the host's loopback. */
export const PortForwardSpec = Schema.Struct({
  guest: port(1),
  host: Schema.optionalKey(port(0)).annotate({ description: "Absent or 0: a free port, told when it runs." })
})
export type PortForwardSpec = typeof PortForwardSpec.Type

/** How the guest's kernel is found. */
export const BootSpec = Schema.Struct({
  mode: Schema.Literals(["auto", "kernel", "disk"])
    .annotate({
      description: "auto: the image's kernel directly where it is known; kernel: only so; disk: by the boot loader.",
      default: "auto"
    })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))),
  kernelArgs: Schema.Array(Schema.String)
    .annotate({ description: "Appended to the kernel's command line; only where the kernel is booted directly." })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))
})
export type BootSpec = typeof BootSpec.Type

const fields = {
  image: ImageReferenceFromSpec,
  memory: ByteSize.pipe(
    Schema.annotateEncoded({ description: "RAM of the guest: a size with its unit, or bytes.", default: "1GiB" }),
    Schema.withDecodingDefaultKey(Effect.succeed("1GiB"))
  ),
  cpus: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 64 }, { expected: "1 to 64 processors" }))
    .annotate({ default: 1 })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  diskSize: Schema.optionalKey(DiskSizeFromText),
  disks: Schema.Record(DiskName, DiskSpec)
    .annotate({ description: "Empty disks beside the root disk: /dev/disk/by-id/virtio-NAME in the guest." })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  networks: Schema.UniqueArray(HostName)
    .annotate({ description: "Names under `networks`, in the order of the guest's interfaces." })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  shares: Shares.annotate({ description: "Directories of the host, by mount tag." }).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed({}))
  ),
  exchange: Schema.Boolean.annotate({
    description:
      "Folders of the run as NixOS tests have them: /tmp/shared, common to all machines, and /tmp/xchg, the machine's own.",
    default: false
  }).pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  ...storeFields,
  files: Schema.Record(AbsolutePath, FileSpec)
    .annotate({ description: "Files in the guest before the script runs, by path." })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  ...packageFields,
  forwardPorts: Schema.Array(PortForwardSpec).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  internet: Schema.Boolean.annotate({
    description: "Lets the guest reach the host's loopback and the internet.",
    default: false
  }).pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  start: Schema.Literals(["auto", "clone", "cold"])
    .annotate({
      description: "clone: from a sealed template; cold: boot; auto: clone where it can be.",
      default: "auto"
    })
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))),
  boot: BootSpec.pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  selinux: Schema.optionalKey(
    Schema.Literals(["enforcing", "permissive"]).annotate({
      description: "Sets SELinux' mode before the script runs. Default: as the image has it."
    })
  )
}

const Written = Schema.Struct({
  ...fields,
  sharedDirs: Schema.optionalKey(Shares.annotate({ description: "Another spelling of `shares`." }))
}).check(
  Schema.makeFilter(
    (machine) =>
      machine.sharedDirs === undefined ||
      Object.keys(machine.shares).length === 0 || {
        path: ["sharedDirs"],
        issue: "another spelling of shares: give only one of them"
      }
  ),
  Schema.makeFilter((machine) => storeProblem(machine) ?? packageProblem(machine) ?? true)
)

/** A machine, decoded: every default filled in, sizes in bytes. */
export const MachineSpec = Written.pipe(
  Schema.decodeTo(
    Schema.toType(Schema.Struct(fields)),
    SchemaTransformation.transform({
      decode: ({ sharedDirs, ...machine }) => (sharedDirs === undefined ? machine : { ...machine, shares: sharedDirs }),
      encode: (machine) => machine
    })
  )
)
export type MachineSpec = typeof MachineSpec.Type

/** A machine as users write it: only `image` is required. */
export type MachineSpecInput = typeof MachineSpec.Encoded
