/** How a guest's disk is divided, as data: what differs between the families' published images. */

export type RootFileSystem = "ext4" | "xfs" | "btrfs"

/** A partition; its end is where the next one begins. */
export interface Partition {
  readonly number: number
  readonly role: "bios" | "esp" | "boot" | "root"
  readonly startMiB: number
  /** The last one takes the rest of the disk. */
  readonly sizeMiB?: number
}

export interface DiskLayout {
  /** As `truncate` reads it. */
  readonly size: string
  /** In their order on the disk, the root last. */
  readonly partitions: ReadonlyArray<Partition>
  /** A btrfs root is the subvolume `root`, beside it is `home`. */
  readonly root: RootFileSystem
  /** Where there is a partition for it. */
  readonly boot?: "ext4" | "xfs"
  /** The root is the logical volume `root` of this group, which the root's partition is the only disk of. */
  readonly volumeGroup?: string
}

/** As Debian's own images: the root is number 1, though last on the disk. */
export const debianLayout: DiskLayout = {
  size: "3G",
  partitions: [
    { number: 14, role: "bios", startMiB: 1, sizeMiB: 3 },
    { number: 15, role: "esp", startMiB: 4, sizeMiB: 124 },
    { number: 1, role: "root", startMiB: 128 }
  ],
  root: "ext4"
}

/** As Ubuntu's since 24.04. */
export const ubuntuLayout: DiskLayout = {
  size: "3584M",
  partitions: [
    { number: 14, role: "bios", startMiB: 1, sizeMiB: 4 },
    { number: 15, role: "esp", startMiB: 5, sizeMiB: 106 },
    { number: 16, role: "boot", startMiB: 111, sizeMiB: 913 },
    { number: 1, role: "root", startMiB: 1024 }
  ],
  root: "ext4",
  boot: "ext4"
}

const fourPartitions: ReadonlyArray<Partition> = [
  { number: 1, role: "bios", startMiB: 1, sizeMiB: 2 },
  { number: 2, role: "esp", startMiB: 3, sizeMiB: 100 },
  { number: 3, role: "boot", startMiB: 103, sizeMiB: 1000 },
  { number: 4, role: "root", startMiB: 1103 }
]

/** As Fedora's. */
export const fedoraLayout: DiskLayout = { size: "4G", partitions: fourPartitions, root: "btrfs", boot: "ext4" }

/** As Rocky's. */
export const rockyLayout: DiskLayout = { size: "4G", partitions: fourPartitions, root: "xfs", boot: "xfs" }

/** As Rocky's images with LVM. */
export const rockyLvmLayout: DiskLayout = { ...rockyLayout, volumeGroup: "rocky" }

/** For BIOS only. */
export const smallLayout: DiskLayout = {
  size: "1G",
  partitions: [
    { number: 1, role: "bios", startMiB: 1, sizeMiB: 2 },
    { number: 2, role: "root", startMiB: 3 }
  ],
  root: "ext4"
}
