/** Everything that is decided about one machine before anything of it exists. */
import type { Image } from "../spec/Image.ts"
import type { InterfaceAddress } from "./addresses.ts"
import type { EntryPlan } from "./entry/EntryPlan.ts"
import type { PackagesPlan } from "./PackagesPlan.ts"
import type { AppliedQuirk } from "./quirks.ts"
import type { ExchangeFolders, RegistrationPlan, SharePlan } from "./SharePlan.ts"
import type { StoredImage } from "./StoredImage.ts"

/** A NIC in a network of the test. */
export interface NicPlan {
  readonly network: string
  /** QEMU's id of the device; its network backend is `net` with the same number. */
  readonly id: string
  readonly mac: string
  /** Unix socket on which QEMU listens for the network's switch. */
  readonly socket: string
  readonly ipv4: InterfaceAddress
  readonly ipv6: InterfaceAddress
  readonly mtu: number
}

/** A file that is put into the guest before the script runs. */
export interface FilePlan {
  readonly path: string
  /** Text, or an absolute path on the host: a file or a directory. */
  readonly content: { readonly text: string } | { readonly source: string }
  /** Permission bits. Without them: 0644 for text, the source's own for a source. */
  readonly mode?: number | undefined
}

/** A disk that is made for the run. */
export interface ExtraDiskPlan {
  /** Its serial number: `/dev/disk/by-id/virtio-NAME` in the guest. */
  readonly name: string
  /** A qcow2; to be made before the start. */
  readonly path: string
  readonly bytes: number
  /** Another disk, whose content it has and which stays as it is; absent: it is empty. */
  readonly base?: { readonly path: string; readonly format: "qcow2" | "raw" } | undefined
}

/** The root disk: an overlay over the image. */
export interface RootDiskPlan {
  readonly image: StoredImage
  /** The overlay, qcow2; to be made before the start. */
  readonly overlay: string
  readonly bytes: number
  /** Larger than the image: the guest has to grow its partition and file system. */
  readonly grows: boolean
}

export interface MachinePlan {
  readonly name: string
  /** Position among the sorted names of the test's machines, from 1; the last part of its addresses. */
  readonly index: number
  readonly image: Image
  readonly memoryBytes: number
  readonly cpus: number
  readonly accelerator: "kvm" | "tcg"
  /** Value of QEMU's `-cpu`. */
  readonly cpuModel: string
  readonly quirks: ReadonlyArray<AppliedQuirk>
  /** Unix sockets on which QEMU listens. */
  readonly sockets: { readonly qmp: string; readonly agent: string; readonly console: string }
  readonly disk: RootDiskPlan
  readonly extraDisks: ReadonlyArray<ExtraDiskPlan>
  readonly nics: ReadonlyArray<NicPlan>
  readonly shares: ReadonlyArray<SharePlan>
  readonly exchange?: ExchangeFolders | undefined
  readonly registration?: RegistrationPlan | undefined
  readonly files: ReadonlyArray<FilePlan>
  readonly packages?: PackagesPlan | undefined
  /** To be added at run time, `host` 0 being a free port: so that runs never race for ports. */
  readonly forwardPorts: ReadonlyArray<{ readonly guest: number; readonly host: number }>
  readonly internet: boolean
  readonly start: "auto" | "clone" | "cold"
  /** The kernel is booted directly, or by the disk's boot loader. */
  readonly boot: "kernel" | "disk"
  readonly selinux?: "enforcing" | "permissive" | undefined
  readonly entry: EntryPlan
  /**
   * QEMU's arguments: what any test's machine of this shape has, and what this test adds. Who starts it adds the program
   * and its QMP socket; the guest stands still until QMP's `cont`.
   */
  readonly devices: { readonly base: ReadonlyArray<string>; readonly test: ReadonlyArray<string> }
  /** Both of them. */
  readonly argv: ReadonlyArray<string>
}
