import type { Architecture } from "../spec/Image.ts"
import type { VirtiofsDaemon } from "./SharePlan.ts"

/** What a plan needs to know of the host and its QEMU. */
export interface HostFacts {
  readonly qemuVersion: { readonly major: number; readonly minor: number; readonly micro: number }
  /** Versioned, so that a template and its clones agree: `pc-i440fx-7.2`, `virt-10.0`. */
  readonly machineType: string
  readonly accelerator: "kvm" | "tcg"
  /** What QEMU's binary emulates. */
  readonly architecture: Architecture
  /** QEMU was built with its seccomp sandbox. */
  readonly sandbox: boolean
  /** QEMU has `-netdev stream` (7.2 and later). */
  readonly streamNetdev: boolean
  /** QEMU has 9p. */
  readonly ninep: boolean
  /** Absent where no virtiofsd can be used. */
  readonly virtiofsd?: VirtiofsDaemon | undefined
  /** Path of `mksquashfs`, where it is. */
  readonly squashfsTool?: string | undefined
}
