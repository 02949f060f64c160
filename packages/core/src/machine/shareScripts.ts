/** Shell code that mounts a machine's share in its guest, and takes it away again. */
import type { SharePlan } from "../plan/MachinePlan.ts"
import { shellQuote } from "./shellQuote.ts"

export const mountShare = (share: SharePlan): string => {
  const target = shellQuote(share.target)
  const access = share.readOnly ? "ro," : ""
  // 256 KiB messages: the kernel's default of 8 KiB costs a round trip each.
  return `mkdir -p -- ${target}\nmount -t 9p -o ${access}trans=virtio,version=9p2000.L,msize=262144 ${shellQuote(share.mountTag)} ${target}`
}

/** Says `taken` when the share was mounted in its place. */
export const unmountShare = (share: SharePlan): string => {
  const target = shellQuote(share.target)
  return `if mountpoint -q -- ${target}; then umount -- ${target}; echo taken; fi`
}
