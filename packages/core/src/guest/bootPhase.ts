/** How far a boot got, from the first words of firmware, kernel and init on the serial console. Pure; a line at a time. */
import type { MachinePhase } from "../events/Event.ts"

const signs: ReadonlyArray<{ readonly phase: MachinePhase; readonly pattern: RegExp }> = [
  { phase: "userspace", pattern: /systemd\[1\]: |Welcome to (?!GRUB)|^INIT: version/ },
  { phase: "kernel", pattern: /Linux version \d/ },
  { phase: "firmware", pattern: /SeaBIOS|GRUB|UEFI|BdsDxe/ }
]

/** The phase that one line of the console shows to have begun, if any. */
export const bootPhase = (line: string): MachinePhase | undefined =>
  signs.find(({ pattern }) => pattern.test(line))?.phase
