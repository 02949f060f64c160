import { assert, describe, it } from "@effect/vitest"
import { consoleSign, type ConsoleSignKind, consoleSigns } from "@nix-vm-test/core/guest/consoleSigns"

const recognised: ReadonlyArray<readonly [ConsoleSignKind, string]> = [
  ["kernelPanic", "[    1.402184] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"],
  ["kernelPanic", "[   12.004][    T1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"],
  ["kernelPanic", "<0>[    3.100000] Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled\r"],
  ["kernelOops", "[   20.111111] BUG: kernel NULL pointer dereference, address: 0000000000000008"],
  ["kernelOops", "[   20.111112] BUG: unable to handle page fault for address: ffffa3b2c0000000"],
  ["kernelOops", "[   20.111119] Oops: 0002 [#1] PREEMPT SMP PTI"],
  [
    "kernelOops",
    "[   20.200000] Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP"
  ],
  [
    "kernelOops",
    "[   31.337000] general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP"
  ],
  ["kernelOops", "[    2.000000] kernel BUG at mm/slub.c:305!"],
  ["kernelOops", "[    2.500000] invalid opcode: 0000 [#1] PREEMPT SMP NOPTI"],
  ["kernelOops", "[    2.600000] Unable to handle kernel paging request at virtual address ffff800011a3b000"],
  ["kernelStall", "[   60.123456] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]"],
  ["kernelStall", "[   81.000000] rcu: INFO: rcu_preempt self-detected stall on CPU"],
  ["kernelStall", "[   81.000000] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:"],
  ["outOfMemory", "[   99.000001] Out of memory: Killed process 812 (stress) total-vm:2097152kB, anon-rss:401232kB"],
  ["outOfMemory", "[   99.000001] Memory cgroup out of memory: Killed process 813 (java) total-vm:2097152kB"],
  [
    "outOfMemory",
    "[   98.999999] stress invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0"
  ],
  ["emergencyMode", 'You are in emergency mode. After logging in, type "journalctl -xb" to view'],
  ["emergencyMode", "[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39memergency.target\x1b[0m - Emergency Mode.\r"],
  ["emergencyMode", "Cannot open access to console, the root account is locked."],
  ["emergencyMode", "Entering emergency mode. Exit the shell to continue."],
  ["nothingToBoot", "No bootable device."],
  ["nothingToBoot", "Entering rescue mode...\r"],
  ["nothingToBoot", "grub rescue> "],
  ["initramfsShell", "ALERT!  /dev/vda1 does not exist.  Dropping to a shell!"],
  ["initramfsShell", "\x1b[6n(initramfs) "],
  ["initramfsShell", "Gave up waiting for root file system device.  Common problems:"],
  ["initramfsShell", "dracut:/# "],
  ["noSpaceLeft", "cp: error writing '/var/lib/x': No space left on device"],
  ["noSpaceLeft", "[   44.1] systemd-journald[210]: Failed to write entry: No space left on device"]
]

const harmless = [
  "",
  "[    0.000000] Linux version 6.1.0-31-cloud-amd64",
  "[    0.031415] Kernel command line: root=/dev/vda1 panic=-1 oops=panic",
  "[    0.200000] rcu: Hierarchical RCU implementation.",
  "[    5.000000] systemd[1]: Starting systemd-oomd.service - Userspace Out-Of-Memory (OOM) Killer...",
  "[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mmulti-user.target\x1b[0m - Multi-User System.",
  "[    6.100000] app[400]: log: Kernel panic - not syncing is what I look for",
  "test: BUG: my own program's",
  "debian login: "
]

describe("consoleSign", () => {
  it.each(recognised)("recognises %s in %j", (kind, line) => {
    assert.strictEqual(consoleSign(line)?.kind, kind)
  })

  it.each(harmless)("sees nothing in %j", (line) => {
    assert.isUndefined(consoleSign(line))
  })

  it("gives the line without control sequences", () => {
    assert.deepStrictEqual(consoleSign("[\x1b[0;1;31mFAILED\x1b[0m] write: No space left on device\r"), {
      kind: "noSpaceLeft",
      line: "[FAILED] write: No space left on device"
    })
  })

  it("finds all signs of a console, in order", () => {
    const lines = [harmless[1] ?? "", recognised[0]?.[1] ?? "", "", "cp: No space left on device"]
    assert.deepStrictEqual(
      consoleSigns(lines).map((sign) => sign.kind),
      ["kernelPanic", "noSpaceLeft"]
    )
  })
})
