/** Shell code of ours that runs in guests: plain tools, no assumption about the disk's name, its partitions or the file system. */

/**
 * Prints what systemd knows of the boot: `systemctl show` properties, then the slowest units. Nothing once the boot has not finished.
 */
export const bootTimes = `
systemctl show --property=FirmwareTimestampMonotonic,LoaderTimestampMonotonic,KernelTimestampMonotonic,InitRDTimestampMonotonic,UserspaceTimestampMonotonic,FinishTimestampMonotonic
echo ---
systemd-analyze blame --no-pager 2>/dev/null | head -n 5
`
