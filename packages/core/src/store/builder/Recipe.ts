/** The guests that the image builder can make, as data: what goes into each. */

/** A release of Debian, and the packages of its cloud image. Recipes of one suite share its root file system. */
export interface Suite {
  readonly codename: string
  readonly packages: ReadonlyArray<string>
  /** Features of ext4 that this release's e2fsck and GRUB do not know. */
  readonly ext4Options: string
}

/** One image. Built for x86_64. */
export interface Recipe {
  readonly name: string
  readonly suite: Suite
  /**
   * `installed`: has the agent's unit, and is settled for tests: quick to boot, DHCP without cloud-init, root without a password.
   * `stock`: as the distribution's own cloud image leaves its publisher.
   */
  readonly variant: "installed" | "stock"
  /** Size of the disk as `truncate` reads it; Debian's own images have this one. */
  readonly diskSize: string
}

/**
 * What Debian's `generic` cloud image is made of, as its published build manifests list it, with the kernel that has all drivers (9p
 * among them). `locales` is there since cloud-init 22.4 fails without `locale-gen`.
 */
const cloudPackages: ReadonlyArray<string> = [
  "systemd-sysv",
  "systemd-resolved",
  "systemd-timesyncd",
  "libpam-systemd",
  "dbus",
  "udev",
  "kmod",
  "linux-image-amd64",
  "initramfs-tools",
  "grub-cloud-amd64",
  "cloud-init",
  "cloud-guest-utils",
  "cloud-initramfs-growroot",
  "netplan.io",
  "netbase",
  "iproute2",
  "iputils-ping",
  "nftables",
  "openssh-server",
  "ca-certificates",
  "curl",
  "wget",
  "apparmor",
  "unattended-upgrades",
  "locales",
  "python3",
  "procps",
  "sudo",
  "less",
  "e2fsprogs",
  "fdisk",
  "gdisk",
  "xz-utils",
  "zstd"
]

// Newer e2fsprogs on the host turn these on by default; neither guest needs them.
const ext4Options = "^orphan_file,^metadata_csum_seed"

const bookworm: Suite = { codename: "bookworm", packages: cloudPackages, ext4Options }
const trixie: Suite = { codename: "trixie", packages: [...cloudPackages, "dhcpcd-base"], ext4Options }

const diskSize = "3G"

/** Every recipe, by name. */
export const recipes: ReadonlyArray<Recipe> = [
  { name: "debian-12", suite: bookworm, variant: "installed", diskSize },
  { name: "debian-12-stock", suite: bookworm, variant: "stock", diskSize },
  { name: "debian-13", suite: trixie, variant: "installed", diskSize },
  { name: "debian-13-stock", suite: trixie, variant: "stock", diskSize }
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
