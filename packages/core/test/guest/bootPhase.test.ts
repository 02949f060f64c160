import { assert, describe, it } from "@effect/vitest"
import type { MachinePhase } from "@nix-vm-test/core/events/Event"
import { bootPhase } from "@nix-vm-test/core/guest/bootPhase"

const lines: ReadonlyArray<readonly [MachinePhase | undefined, string]> = [
  ["firmware", "SeaBIOS (version 1.16.2-debian-1.16.2-1)"],
  ["firmware", 'BdsDxe: starting Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0)'],
  ["firmware", "\x1b[0m\x1b[30;47mWelcome to GRUB!"],
  ["kernel", "[    0.000000] Linux version 6.1.0-31-cloud-amd64 (debian-kernel@lists.debian.org)"],
  ["userspace", "[    4.100000] systemd[1]: Inserted module 'autofs4'"],
  ["userspace", "Welcome to \x1b[1;34mDebian GNU/Linux 12 (bookworm)\x1b[0m!"],
  ["userspace", "INIT: version 3.06 booting"],
  [undefined, "[    0.031415] Kernel command line: root=/dev/vda1"],
  [undefined, "debian login: "]
]

describe("bootPhase", () => {
  it.each(lines)("is %s at %j", (phase, line) => {
    assert.strictEqual(bootPhase(line), phase)
  })
})
