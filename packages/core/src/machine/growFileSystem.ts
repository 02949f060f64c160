/**
 * Growing a mounted file system to the end of its disk, in the guest, online and without network. The disk is found by what is mounted: no name, no
 * number of a partition is assumed.
 */

/** What the guest says of the layers between disk and files afterwards; bytes. */
export interface GrownSizes {
  readonly disk: number
  /** Where the partition ends on its disk; the disk's own size where there is no partition. */
  readonly partitionEnd: number
  /** Of the partition or logical volume that holds the file system. */
  readonly volume: number
  readonly fileSystem: number
}

const alignmentBytes = 8 * 1024 * 1024
/** A file system's own structures, which it does not count as its size: ext4's inode tables, xfs's log. */
const overhead = (volume: number): number => volume * 0.07 + 64 * 1024 * 1024

/**
 * Shell code that grows partition, logical volume and file system below a mount point, then prints sizes for `readGrownSizes`. Needs `sh` and
 * `readlink`, the file system's own tool, `growpart` or `sfdisk` where there is a partition, LVM's tools where there is a volume. What fails is the
 * last line of stderr.
 */
export const growFileSystem = (mountPoint: string): string => `
fail() { echo "$1" >&2; exit 1; }
has() { command -v "$1" >/dev/null; }

while read -r _ _ device _ point rest; do
  if [ "$point" = '${mountPoint}' ]; then
    rest=\${rest#* - }; kind=\${rest%% *}; rest=\${rest#* }; source=\${rest%% *}; number=$device
  fi
done </proc/self/mountinfo
[ -n "\${kind:-}" ] || fail 'nothing is mounted on ${mountPoint}'
# btrfs has a number that is no disk's; others may be mounted by a name that is no device.
volume=$(readlink -f "/sys/dev/block/$number")
[ -e "$volume/size" ] || volume=$(readlink -f "/sys/class/block/$(basename "$(readlink -f "$source")")")
[ -e "$volume/size" ] || fail "$source, which is mounted on ${mountPoint}, is not a disk"

disk=$volume part=
grow_partition() {
  part=$1 disk=\${1%/*}
  read -r position <"$part/partition"
  # Status 1 is NOCHANGE: an image that grows itself at boot has done so. An enforcing SELinux may keep growpart's sfdisk from its temporary files.
  if has growpart && { growpart "/dev/\${disk##*/}" "$position" || [ $? = 1 ]; }; then
    return
  elif has sfdisk; then
    # The second table of a GPT is where the disk ended before.
    sfdisk --quiet --relocate gpt-bak-std "/dev/\${disk##*/}" >/dev/null 2>&1 || :
    echo ', +' | sfdisk --quiet --no-reread --force -N "$position" "/dev/\${disk##*/}" ||
      fail "sfdisk could not grow partition $position of /dev/\${disk##*/}"
    partx --update --nr "$position" "/dev/\${disk##*/}" ||
      fail "the kernel did not take partition $position of /dev/\${disk##*/} in its new size"
  elif has growpart; then
    fail "growpart could not grow partition $position of /dev/\${disk##*/}"
  else
    fail "the guest has neither growpart nor sfdisk, and its files are on partition $position of /dev/\${disk##*/}"
  fi
}
grow_layer() {
  if [ -e "$1/partition" ]; then
    grow_partition "$1"
  elif [ -e "$1/dm/uuid" ]; then
    read -r uuid <"$1/dm/uuid"
    case $uuid in LVM-*) ;; *) fail "don't know how to grow /dev/\${1##*/}: it is mapped, but no logical volume" ;; esac
    has pvresize && has lvextend || fail 'the guest has a logical volume, but not the tools of LVM'
    for lower in "$1"/slaves/*; do
      lower=$(readlink -f "$lower")
      disk=$lower
      grow_layer "$lower"
      pvresize "/dev/\${lower##*/}" || fail "pvresize could not grow /dev/\${lower##*/}"
    done
    read -r name <"$1/dm/name"
    # It refuses to grow by nothing.
    lvextend -l +100%FREE "/dev/mapper/$name" || [ "$(vgs --noheadings -o vg_free_count "$(lvs --noheadings -o vg_name "/dev/mapper/$name" | tr -d ' ')" | tr -d ' ')" = 0 ] ||
      fail "lvextend could not grow $name"
  fi
}
grow_layer "$volume"

case $kind in
  ext2 | ext3 | ext4) resize2fs "/dev/\${volume##*/}" || fail 'resize2fs could not grow the file system' ;;
  xfs) xfs_growfs '${mountPoint}' || fail 'xfs_growfs could not grow the file system' ;;
  btrfs) btrfs filesystem resize max '${mountPoint}' || fail 'btrfs could not grow the file system' ;;
  *) fail "don't know how to grow $kind" ;;
esac

bytes() { read -r sectors <"$1"; echo $((sectors * 512)); }
end=$(bytes "$disk/size")
if [ -n "$part" ]; then end=$(($(bytes "$part/start") + $(bytes "$part/size"))); fi
files=$(stat -f -c '%b * %S' '${mountPoint}')
echo "sizes $(bytes "$disk/size") $end $(bytes "$volume/size") $(($files))"
`

/** The sizes that the script printed last; none where it printed something else. */
export const readGrownSizes = (output: string): GrownSizes | undefined => {
  const found = /^sizes (\d+) (\d+) (\d+) (\d+)$/u.exec(output.trim().split("\n").at(-1) ?? "")
  if (found === null) return undefined
  const [disk = 0, partitionEnd = 0, volume = 0, fileSystem = 0] = found.slice(1).map(Number)
  return { disk, partitionEnd, volume, fileSystem }
}

/** Which layer is smaller than it should be, if one is. */
export const notGrown = (sizes: GrownSizes, wanted: number): string | undefined => {
  if (sizes.disk !== wanted) return `the guest sees a disk of ${sizes.disk} bytes, it should have ${wanted}`
  if (sizes.disk - sizes.partitionEnd > alignmentBytes) {
    return `its partition ends at ${sizes.partitionEnd} of the disk's ${sizes.disk} bytes: something else is behind it`
  }
  if (sizes.fileSystem < sizes.volume - overhead(sizes.volume)) {
    return `the file system has ${sizes.fileSystem} bytes, the volume that it is on has ${sizes.volume}`
  }
  return undefined
}
