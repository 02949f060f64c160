/** Shell code of ours that runs in guests: plain tools, no assumption about the disk's name, its partitions or the file system. */

/**
 * Grows the partition that `/` is on to the end of its disk, then the file system, online.
 *
 * `growpart` comes with cloud images; `sfdisk` is the way without it. A root on the whole disk has no partition to grow. An image that grew by
 * itself at boot is left as it is: growpart says NOCHANGE with status 1.
 */
export const growRoot = `
source=$(findmnt -n -v -o SOURCE /)
source=$(readlink -f "$source")
kind=$(findmnt -n -o FSTYPE /)
name=\${source##*/}
if [ -e "/sys/class/block/$name/partition" ]; then
  number=$(cat "/sys/class/block/$name/partition")
  disk=/dev/$(basename "$(readlink -f "/sys/class/block/$name/..")")
  if command -v growpart >/dev/null; then
    growpart "$disk" "$number" || [ $? = 1 ]
  else
    echo ", +" | sfdisk --no-reread --force -N "$number" "$disk"
    partx --update --nr "$number" "$disk"
  fi
fi
case $kind in
  ext2 | ext3 | ext4) resize2fs "$source" ;;
  xfs) xfs_growfs / ;;
  btrfs) btrfs filesystem resize max / ;;
  *) echo "don't know how to grow $kind" >&2; exit 1 ;;
esac
`

/** Prints the size of the root file system in bytes. */
export const rootSize = `
stat --file-system --format='%b %S' / | while read -r blocks size; do echo $((blocks * size)); done
`

/**
 * Prints what systemd knows of the boot: `systemctl show` properties, then the slowest units. Nothing once the boot has not finished.
 */
export const bootTimes = `
systemctl show --property=FirmwareTimestampMonotonic,LoaderTimestampMonotonic,KernelTimestampMonotonic,InitRDTimestampMonotonic,UserspaceTimestampMonotonic,FinishTimestampMonotonic
echo ---
systemd-analyze blame --no-pager 2>/dev/null | head -n 5
`
