/** The guests that the image builder can make, as data: what goes into each. */
import {
  debianLayout,
  type DiskLayout,
  fedoraLayout,
  rockyLayout,
  rockyLvmLayout,
  smallLayout,
  ubuntuLayout
} from "./DiskLayout.ts"
import { bookworm, bullseye, fedoraLike, type PackageSet, rockyLike, sysvinitLike, trixie } from "./PackageSet.ts"

/** One image. Built for x86_64. */
export interface Recipe {
  readonly name: string
  readonly packages: PackageSet
  /**
   * `installed`: has the agent, and is settled for tests: quick to boot, DHCP without cloud-init, root without a password.
   * `stock`: as a distribution's own cloud image leaves its publisher.
   */
  readonly variant: "installed" | "stock"
  readonly layout: DiskLayout
  /** Beside those that name the root and the console. */
  readonly kernelArguments?: string | undefined
  /** Values of `os-release` that differ from Debian's. */
  readonly osRelease?: Readonly<Record<string, string>> | undefined
  /** Mode in which a guest with a policy starts. */
  readonly selinux?: "permissive" | "enforcing" | undefined
  /** Modules that this guest's kernel has not. */
  readonly withoutModules?: ReadonlyArray<string> | undefined
}

const debian = { layout: debianLayout } as const

const rocky = {
  packages: rockyLike,
  variant: "stock",
  layout: rockyLayout,
  kernelArguments: "net.ifnames=0",
  selinux: "enforcing",
  osRelease: { ID: "rocky", ID_LIKE: "rhel centos fedora", VERSION_ID: "9.6" }
} as const

/** Every recipe, by name. Those called `shape` take after a distribution whose packages we do not have. */
export const recipes: ReadonlyArray<Recipe> = [
  { ...debian, name: "debian-12", packages: bookworm, variant: "installed" },
  { ...debian, name: "debian-11-stock", packages: bullseye, variant: "stock" },
  { ...debian, name: "debian-12-stock", packages: bookworm, variant: "stock" },
  { ...debian, name: "debian-13", packages: trixie, variant: "installed" },
  { ...debian, name: "debian-13-stock", packages: trixie, variant: "stock" },
  {
    name: "ubuntu-shape",
    packages: trixie,
    variant: "stock",
    layout: ubuntuLayout,
    osRelease: { ID: "ubuntu", ID_LIKE: "debian", VERSION_ID: "25.04" }
  },
  {
    name: "fedora-shape",
    packages: fedoraLike,
    variant: "stock",
    layout: fedoraLayout,
    osRelease: { ID: "fedora", VERSION_ID: "42" }
  },
  { ...rocky, name: "rocky-shape" },
  { ...rocky, name: "rocky-bare-shape", withoutModules: ["virtiofs"] },
  { ...rocky, name: "rocky-lvm-shape", layout: rockyLvmLayout },
  { name: "sysvinit-shape", packages: sysvinitLike, variant: "installed", layout: smallLayout }
]

/**
 * Units that an installed guest never starts: timers that take apt's locks, waits for a network that is not there, checks of a new disk,
 * modules for a screen and a firmware's memory, which the driver's machines have not.
 */
export const maskedUnits: ReadonlyArray<string> = [
  "apparmor.service",
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "fstrim.timer",
  "grub-common.service",
  "man-db.timer",
  "modprobe@drm.service",
  "modprobe@efi_pstore.service",
  "systemd-networkd-wait-online.service",
  "unattended-upgrades.service"
]

/** The only modules in an installed guest's initrd: what finds and mounts a root on a virtio disk. The others come from the root. */
export const initrdModules: ReadonlyArray<string> = [
  "virtio_pci",
  "virtio_blk",
  "virtio_scsi",
  "sd_mod",
  "virtio_console",
  "virtio_rng",
  "ext4",
  "crc32c_generic"
]

/**
 * Modules that an installed guest loads only when it is told to: drivers of hardware that the driver's machines have, but that no test uses,
 * and the wireless stack, which systemd-networkd asks for by looking whether it is there. Each costs a part of a second under emulation.
 */
export const unloadedModules: ReadonlyArray<string> = [
  "ata_piix",
  "cfg80211",
  "floppy",
  "i2c_piix4",
  "joydev",
  "pcspkr",
  "powernow_k8",
  "psmouse"
]
