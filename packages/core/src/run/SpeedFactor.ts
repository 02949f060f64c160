/**
 * How much slower than a guest under KVM this host's guests are: default limits grow with it, explicit ones don't.
 *
 * Before a guest has booted only its accelerator is known; then its own boot tells more.
 */

/** Seconds from QEMU's start to the agent's answer of a Debian guest under KVM on an ordinary machine. */
const REFERENCE_SECONDS = 5
/** Emulated guests boot about four times slower on an idle host; the rest is said by the boot itself. */
const EMULATED = 4
const SLOWEST = 30

export interface SpeedFactor {
  readonly factor: () => number
  /** A guest runs by emulation after all. */
  readonly emulated: () => void
  /** A guest took so long to answer. */
  readonly measured: (connectedSeconds: number) => void
}

export const makeSpeedFactor = (accelerator: "kvm" | "tcg"): SpeedFactor => {
  let factor = accelerator === "tcg" ? EMULATED : 1
  return {
    factor: () => factor,
    emulated: () => {
      factor = Math.max(factor, EMULATED)
    },
    measured: (seconds) => {
      factor = Math.min(SLOWEST, Math.max(factor, seconds / REFERENCE_SECONDS))
    }
  }
}
