/** What runs now, in one line: the run's time, machines that boot, the innermost steps. */
import type { MachinePhase } from "@nix-vm-test/core/events/Event"
import { formatClock } from "./formatClock.ts"
import type { RunningStep } from "./RunningSteps.ts"
import type { Style } from "./Style.ts"

/** A machine on its way to ready. */
export interface BootingMachine {
  readonly machine: string
  readonly phase: MachinePhase
  /** Milliseconds since the run began. */
  readonly since: number
}

/** What a machine waits for after each phase. */
const awaited: Readonly<Record<MachinePhase, string>> = {
  spawned: "firmware",
  firmware: "boot loader",
  kernel: "kernel",
  userspace: "user space",
  connected: "settling",
  settled: "set-up",
  disk: "set-up",
  shares: "set-up",
  ready: "ready"
}

const shortened = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`

/** Undefined when nothing runs. */
export const statusLine = (options: {
  readonly now: number
  readonly width: number
  readonly booting: Iterable<BootingMachine>
  readonly steps: ReadonlyArray<RunningStep>
  readonly style: Style
}): string | undefined => {
  const { now, width, style } = options
  // A subtest's title stands above already: it is told only where nothing else is.
  const working = options.steps.filter(({ started }) => started.kind !== "subtest")
  const booting = [...options.booting]
  const steps = booting.length + working.length > 0 ? working : options.steps
  const items = [
    ...booting.map(({ machine, phase, since }) => ({
      machine,
      text: `booting, ${awaited[phase]}`,
      since
    })),
    ...steps.map(({ started, title }) => ({ machine: started.machine, text: title, since: started.elapsed }))
  ]
  if (items.length === 0) return undefined
  // The texts share what the clock, the machines' names, the times and the gaps leave.
  const names = items.reduce((length, { machine }) => length + (machine === undefined ? 0 : machine.length + 2), 0)
  const room = Math.max(12, Math.floor((width - 6 - names) / items.length) - 8)
  const shown = items.map(({ machine, text, since }) => {
    const prefix = machine === undefined ? "" : `${style.machine(machine)}: `
    return `${prefix}${shortened(text, room)} ${style.dim(formatClock(now - since))}`
  })
  return [style.dim(formatClock(now)), ...shown].join("  ")
}
