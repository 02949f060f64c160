/** What gives a guest a machine's share, and takes it away again. */
import * as Effect from "effect/Effect"
import type { GuestChannel } from "../guest/GuestChannel.ts"
import type { GuestError } from "../guest/GuestError.ts"
import type { SharePlan } from "../plan/SharePlan.ts"
import { runInGuest } from "./runInGuest.ts"
import { shellQuote } from "./shellQuote.ts"

/** The disk with this serial number as `$disk`; one that was plugged in just now may still be on its way. */
const findDisk = (serial: string): string => `disk=
attempt=0
while [ $attempt -lt 200 ]; do
  for file in /sys/class/block/*/serial; do
    # It ends without an end of line, which is a failure.
    found=
    read -r found 2>/dev/null <"$file" || :
    name=\${file%/serial}
    if [ "$found" = ${shellQuote(serial)} ]; then disk=/dev/\${name##*/}; fi
  done
  attempt=$((attempt + 1))
  if [ -b "$disk" ]; then break; fi
  sleep 0.05
done
[ -b "$disk" ] || { echo "no disk with the serial number ${serial}" >&2; exit 1; }`

const mountByScript = (channel: GuestChannel, share: SharePlan, command: string) =>
  Effect.asVoid(runInGuest(channel, { operation: "mount", subject: share.target, command }))

/** Mounts the share; a copy is in its place already, and only kept from being written where it is read-only. */
export const mountShare = (channel: GuestChannel, share: SharePlan): Effect.Effect<void, GuestError> => {
  const { by, mountTag: source, readOnly, target } = share
  const quoted = shellQuote(target)
  switch (by._tag) {
    case "9p":
      // 256 KiB messages: the kernel's default of 8 KiB costs a round trip each.
      return channel.mount({
        type: "9p",
        source,
        options: "trans=virtio,version=9p2000.L,msize=262144",
        readOnly,
        target
      })
    case "virtiofs":
      return channel.mount({ type: "virtiofs", source, options: "", readOnly, target })
    case "image":
      return mountByScript(
        channel,
        share,
        `mkdir -p -- ${quoted}\n${findDisk(by.serial)}\nmount -t squashfs -o ro "$disk" ${quoted}`
      )
    case "copy":
      return mountByScript(
        channel,
        share,
        `[ -d ${quoted} ] || { echo "the boot has cleared it: give a copy a place on the disk" >&2; exit 1; }
${readOnly ? `mount --bind -- ${quoted} ${quoted}\nmount -o remount,bind,ro -- ${quoted}` : ""}`
      )
  }
}

/** Says `taken` when the share was mounted in its place. */
export const unmountShare = (share: SharePlan): string => {
  const target = shellQuote(share.target)
  return `if mountpoint -q -- ${target}; then umount -- ${target}; echo taken; fi`
}
