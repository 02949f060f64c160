/** Rules about defects of certain QEMU versions, in one table: what is changed, when, and why. */
import type { StoredImage } from "./StoredImage.ts"
import type { HostFacts } from "./HostFacts.ts"

/** A rule that changed a machine; a notice of the run. */
export interface AppliedQuirk {
  readonly id: string
  /** What was done, and why, in one line. */
  readonly why: string
}

/** The part of a machine that rules may change. */
export interface Processor {
  readonly cpus: number
  /** Value of QEMU's `-cpu`. */
  readonly model: string
}

interface Quirk extends AppliedQuirk {
  readonly applies: (options: {
    readonly host: HostFacts
    readonly image: StoredImage
    readonly cpus: number
  }) => boolean
  readonly change: (processor: Processor) => Processor
}

/**
 * QEMU 7.2's emulated `cmpxchg16b` loses atomicity between processors: a busy host ended 4 of 5 boots of a two-processor Linux 6.12 in
 * kernel oopses, none of 5 without the instruction; QEMU 10.0 had none under the same load.
 */
const oldEmulation = (host: HostFacts): boolean =>
  host.accelerator === "tcg" && host.architecture === "x86_64" && host.qemuVersion.major < 10

const quirks: ReadonlyArray<Quirk> = [
  {
    id: "tcg-cx16",
    why: "cmpxchg16b is hidden from the guest: before QEMU 10 its emulation crashes kernels on several processors",
    applies: ({ host, image }) => oldEmulation(host) && image.image.facts.cpuLevel < 2,
    change: (processor) => ({ ...processor, model: `${processor.model},-cx16` })
  },
  {
    id: "tcg-one-cpu",
    why: "one processor only: the guest needs cmpxchg16b, whose emulation crashes several processors before QEMU 10",
    applies: ({ host, image, cpus }) => oldEmulation(host) && image.image.facts.cpuLevel >= 2 && cpus > 1,
    change: (processor) => ({ ...processor, cpus: 1 })
  }
]

/** The processor that the guest really gets, and the rules that changed it. */
export const applyQuirks = (options: {
  readonly host: HostFacts
  readonly image: StoredImage
  readonly processor: Processor
}): { readonly processor: Processor; readonly applied: ReadonlyArray<AppliedQuirk> } => {
  const { host, image, processor } = options
  const applicable = quirks.filter(({ applies }) => applies({ host, image, cpus: processor.cpus }))
  return {
    processor: applicable.reduce((changed, { change }) => change(changed), processor),
    applied: applicable.map(({ id, why }) => ({ id, why }))
  }
}
