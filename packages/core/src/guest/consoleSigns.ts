/**
 * Recognises on the serial console what explains a guest that does not come up or misbehaves. Pure; a line at a time.
 *
 * The kernel's own messages count only where the kernel writes them, at the start of a line: a program that prints "kernel panic" is no panic.
 */
import { stripVTControlCharacters } from "node:util"

export type ConsoleSignKind =
  | "kernelPanic"
  /** An Oops, a BUG or a general protection fault: the kernel goes on, but can't be trusted any more. */
  | "kernelOops"
  /** A processor that makes no progress: under emulation on a busy host this is the host's fault. */
  | "kernelStall"
  /** The firmware found nothing to start, or the boot loader no kernel. */
  | "nothingToBoot"
  | "emergencyMode"
  /** The initramfs found no root file system and offers a shell. */
  | "initramfsShell"
  | "noSpaceLeft"
  | "outOfMemory"

export interface ConsoleSign {
  readonly kind: ConsoleSignKind
  /** The line without its control sequences. */
  readonly line: string
}

/** `[   12.345678] `, with the task or processor that `CONFIG_PRINTK_CALLER` adds, and a level that early consoles show. */
const kernelPrefix = String.raw`^(?:<\d+>)?(?:\[\s*\d+\.\d+\]\s*)?(?:\[\s*[TC]\d+\]\s*)?`
const kernel = (pattern: string): RegExp => new RegExp(kernelPrefix + pattern)

/** In order of precedence: the first that fits a line names it. */
const signs: ReadonlyArray<readonly [ConsoleSignKind, RegExp]> = [
  ["kernelPanic", kernel(String.raw`(?:---\[ end )?Kernel panic - not syncing`)],
  [
    "kernelStall",
    kernel(
      String.raw`(?:watchdog: )?BUG: (?:soft lockup|workqueue lockup)|${kernelPrefix.slice(1)}(?:rcu: )?INFO: rcu_\w+ (?:self-)?detected (?:expedited )?stalls?`
    )
  ],
  [
    "kernelOops",
    kernel(
      String.raw`(?:BUG: |kernel BUG at |Oops(?:: |\[)|Internal error: Oops|Unable to handle kernel |general protection fault[,:]|traps: PANIC|invalid opcode: |stack segment: |double fault: )`
    )
  ],
  [
    "outOfMemory",
    kernel(String.raw`(?:Out of memory: Kill|Memory cgroup out of memory: Kill|oom-kill:|.{1,32} invoked oom-killer)`)
  ],
  ["nothingToBoot", /^No bootable device\.|^Entering rescue mode\.\.\.|^grub rescue>/],
  [
    "initramfsShell",
    /^\s*\(initramfs\)|ALERT!\s.*Dropping to a shell|^Gave up waiting for (?:the )?root|^dracut:\/#|\/run\/initramfs\/rdsosreport\.txt/
  ],
  [
    "emergencyMode",
    /You are in (?:emergency|rescue) mode|Entering emergency mode|(?:Reached target|Started) .*[Ee]mergency (?:Mode|Shell)|Cannot open access to console, the root account is locked/
  ],
  ["noSpaceLeft", /no space left on device|\bENOSPC\b/i]
]

/** What one line of the console tells, if anything. */
export const consoleSign = (text: string): ConsoleSign | undefined => {
  const line = stripVTControlCharacters(text).replaceAll("\r", "").trimEnd()
  const found = signs.find(([, pattern]) => pattern.test(line))
  return found === undefined ? undefined : { kind: found[0], line }
}

/** All signs in a console, in order. */
export const consoleSigns = (lines: Iterable<string>): ReadonlyArray<ConsoleSign> =>
  Array.from(lines, consoleSign).filter((sign) => sign !== undefined)
