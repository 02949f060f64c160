/** Reads a boot's profile from what systemd says about it. */
import type { BootProfile } from "../events/Event.ts"

const SECOND_US = 1_000_000

/** `1min 2.345s`, `812ms` as `systemd-analyze blame` prints them, in seconds. */
const blameSeconds = (text: string): number => {
  let seconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|min|ms|s|us)\b/gu)) {
    const factor = { h: 3600, min: 60, s: 1, ms: 0.001, us: 0.000001 }[unit ?? "s"] ?? 1
    seconds += Number(amount) * factor
  }
  return seconds
}

/**
 * The profile, or nothing while the boot has not finished.
 *
 * Output is that of `bootTimes`: properties in microseconds of the monotonic clock, `---`, then lines of `systemd-analyze blame`.
 */
export const parseBootProfile = (output: string, agentSeconds: number): BootProfile | undefined => {
  const [properties = "", blame = ""] = output.split("\n---\n")
  const at = (name: string): number =>
    Number(new RegExp(`^${name}TimestampMonotonic=(\\d+)$`, "mu").exec(properties)?.[1] ?? 0)
  const finish = at("Finish")
  if (finish === 0) return undefined
  const userspace = at("Userspace")
  const initrd = at("InitRD")
  const firmware = at("Firmware")
  const slowestUnits = blame.split("\n").flatMap((line) => {
    const match = /^\s*((?:\S+ )*\S+?(?:s|ms|us)) (\S+)$/u.exec(line)
    return match?.[1] === undefined || match[2] === undefined
      ? []
      : [{ unit: match[2], seconds: blameSeconds(match[1]) }]
  })
  return {
    ...(firmware === 0 ? {} : { firmware: firmware / SECOND_US }),
    kernel: (initrd === 0 ? userspace : initrd) / SECOND_US,
    ...(initrd === 0 ? {} : { initrd: (userspace - initrd) / SECOND_US }),
    userspace: (finish - userspace) / SECOND_US,
    agent: agentSeconds,
    slowestUnits
  }
}
