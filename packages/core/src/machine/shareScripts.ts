/** Shell code that gives a guest a machine's share, and takes it away again. */
import type { SharePlan } from "../plan/SharePlan.ts"
import { shellQuote } from "./shellQuote.ts"

/** The disk with this serial number as `$disk`; one that was plugged in just now may still be on its way. */
const findDisk = (serial: string): string => `disk=
for attempt in $(seq 200); do
  for file in /sys/class/block/*/serial; do
    if [ "$(cat "$file")" = ${shellQuote(serial)} ]; then disk=/dev/$(basename "$(dirname "$file")"); fi
  done
  if [ -b "$disk" ]; then break; fi
  sleep 0.05
done
[ -b "$disk" ] || { echo "no disk with the serial number ${serial}" >&2; exit 1; }`

/** Code that mounts the share; a copy is in its place already, and only kept from being written where it is read-only. */
export const mountShare = ({ by, mountTag, readOnly, target: where }: SharePlan): string => {
  const target = shellQuote(where)
  const access = readOnly ? "ro" : "rw"
  const make = `mkdir -p -- ${target}`
  switch (by._tag) {
    case "9p":
      // 256 KiB messages: the kernel's default of 8 KiB costs a round trip each.
      return `${make}\nmount -t 9p -o ${access},trans=virtio,version=9p2000.L,msize=262144 ${shellQuote(mountTag)} ${target}`
    case "virtiofs":
      return `${make}\nmount -t virtiofs -o ${access} ${shellQuote(mountTag)} ${target}`
    case "image":
      return `${make}\n${findDisk(by.serial)}\nmount -t squashfs -o ro "$disk" ${target}`
    case "copy":
      return `[ -d ${target} ] || { echo "the boot has cleared it: give a copy a place on the disk" >&2; exit 1; }
${readOnly ? `mount --bind -- ${target} ${target}\nmount -o remount,bind,ro -- ${target}` : ""}`
  }
}

/** Says `taken` when the share was mounted in its place. */
export const unmountShare = (share: SharePlan): string => {
  const target = shellQuote(share.target)
  return `if mountpoint -q -- ${target}; then umount -- ${target}; echo taken; fi`
}
