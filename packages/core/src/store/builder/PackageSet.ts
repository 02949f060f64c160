/** Root file systems, as data: which packages of which release of Debian each is made of. */

/** Recipes of one set share its root file system. */
export interface PackageSet {
  /** Also the name of its lock and of its file in the cache. */
  readonly name: string
  readonly codename: string
  /** Whether the release has an archive of security updates whose packages can be had. */
  readonly securityUpdates: boolean
  readonly packages: ReadonlyArray<string>
  /** Files that are there before the packages are configured, such as settings of what makes the initrd: absolute path to text. */
  readonly files?: Readonly<Record<string, string>> | undefined
  /** `extract`: the packages are unpacked only, for programs that the builder itself runs. */
  readonly variant: "system" | "extract"
}

/** What every guest with cloud-init has, whichever family it takes after. */
const commonPackages: ReadonlyArray<string> = [
  "systemd-sysv",
  "libpam-systemd",
  "dbus",
  "udev",
  "kmod",
  "grub-cloud-amd64",
  "cloud-init",
  "cloud-guest-utils",
  "netbase",
  "iproute2",
  "iputils-ping",
  "openssh-server",
  "ca-certificates",
  "curl",
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

/** `locales` is there since cloud-init up to 22.4 fails without `locale-gen`. */
const debianPackages: ReadonlyArray<string> = [
  ...commonPackages,
  "initramfs-tools",
  "cloud-initramfs-growroot",
  "nftables",
  "wget",
  "apparmor",
  "unattended-upgrades",
  "locales"
]

/**
 * What Debian's `generic` cloud image is made of, as its published build manifests list it, with the kernel that has all drivers (9p
 * among them).
 */
const genericPackages: ReadonlyArray<string> = [
  ...debianPackages,
  "linux-image-amd64",
  "systemd-resolved",
  "systemd-timesyncd",
  "netplan.io"
]

export const bookworm: PackageSet = {
  name: "bookworm",
  codename: "bookworm",
  securityUpdates: true,
  packages: genericPackages,
  variant: "system"
}

export const trixie: PackageSet = {
  name: "trixie",
  codename: "trixie",
  securityUpdates: true,
  packages: [...genericPackages, "dhcpcd-base"],
  variant: "system"
}

/** As Debian 11's `genericcloud` image. Of the archive of its security updates not all packages can be had any more. */
export const bullseye: PackageSet = {
  name: "bullseye",
  codename: "bullseye",
  securityUpdates: false,
  packages: [...debianPackages, "linux-image-cloud-amd64", "ifupdown", "isc-dhcp-client", "resolvconf"],
  variant: "system"
}

/** The cloud kernel has no 9p, as the kernels of Fedora's and Red Hat's families have none that loads. */
const dracutPackages: ReadonlyArray<string> = [
  ...commonPackages,
  "linux-image-cloud-amd64",
  "dracut",
  "network-manager"
]

/** Debian's own policy. Its package compiles it, which is a fifth of the work of the root file system that it is in. */
const selinuxPackages: ReadonlyArray<string> = ["selinux-policy-default", "selinux-utils", "policycoreutils"]

/** An initrd for any machine, as `dracut-config-generic` makes it, but of the modules alone that a virtual machine's root needs. */
const dracutSettings = (options: { readonly modules: string; readonly drivers: string }) => ({
  "/etc/dracut.conf.d/10-generic.conf": `hostonly=no
compress=zstd
dracutmodules+=" bash systemd systemd-initrd dracut-systemd base fs-lib kernel-modules rootfs-block udev-rules shutdown ${options.modules} "
drivers+=" virtio_pci virtio_blk virtio_scsi sd_mod virtio_console virtio_rng ${options.drivers} "
`
})

/** systemd 257 is that of Fedora 42. */
export const fedoraLike: PackageSet = {
  name: "fedora-like",
  codename: "trixie",
  securityUpdates: true,
  packages: [...dracutPackages, "btrfs-progs"],
  files: dracutSettings({ modules: "btrfs", drivers: "btrfs ext4" }),
  variant: "system"
}

/** systemd 252 is that of Rocky 9. virtiofs is a module here, so that a guest without it can be made. */
export const rockyLike: PackageSet = {
  name: "rocky-like",
  codename: "bookworm",
  securityUpdates: true,
  packages: [...dracutPackages, ...selinuxPackages, "rsync", "xfsprogs", "lvm2", "locales"],
  files: dracutSettings({ modules: "dm lvm", drivers: "xfs dm_mod" }),
  variant: "system"
}

/** No systemd at all, and few programs, as small guests have them. */
export const sysvinitLike: PackageSet = {
  name: "sysvinit-like",
  codename: "bookworm",
  securityUpdates: true,
  packages: [
    "sysvinit-core",
    "sysv-rc",
    "initscripts",
    "udev",
    "kmod",
    "procps",
    "iproute2",
    "iputils-ping",
    "ifupdown",
    "isc-dhcp-client",
    "openssh-server",
    "e2fsprogs",
    "fdisk",
    "linux-image-cloud-amd64",
    "initramfs-tools",
    "grub-pc-bin",
    "grub2-common",
    "zstd"
  ],
  variant: "system"
}

/**
 * Programs that make file systems as the host's may be too old to: `mkfs.btrfs --subvol` came with btrfs-progs 6.12, `mkfs.xfs -p FOLDER`, which takes
 * extended attributes along, with xfsprogs 6.17.
 */
export const fileSystemTools: PackageSet = {
  name: "tools",
  codename: "forky",
  securityUpdates: false,
  packages: ["xfsprogs", "btrfs-progs"],
  variant: "extract"
}
