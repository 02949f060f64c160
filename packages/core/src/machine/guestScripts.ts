/** Shell code of ours that runs in guests: plain tools, no assumption about the disk's name, its partitions or the file system. */

/**
 * Prints what systemd knows of the boot: `systemctl show` properties, then the slowest units. Nothing once the boot has not finished.
 */
export const bootTimes = `
systemctl show --property=FirmwareTimestampMonotonic,LoaderTimestampMonotonic,KernelTimestampMonotonic,InitRDTimestampMonotonic,UserspaceTimestampMonotonic,FinishTimestampMonotonic
echo ---
systemd-analyze blame --no-pager 2>/dev/null | head -n 5
`

/**
 * Waits until disks have their names below `/dev/disk/by-id`, which udev gives them some time after the kernel has found them. Without udev there
 * are no such names.
 */
export const awaitDisks = (names: ReadonlyArray<string>): string => `
command -v udevadm >/dev/null || exit 0
for disk in ${names.map((name) => `/dev/disk/by-id/virtio-${name}`).join(" ")}; do
  tries=0
  while [ ! -e $disk ]; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || { echo "there is no $disk" >&2; exit 1; }
    sleep 0.03
  done
done
`
