/** From events to a {@link Report}. */
import type { Event } from "@nix-vm-test/core/events/Event"
import type { MachineReport, Report, StepReport } from "./Report.ts"

/** Characters of a step's output that are kept. */
const outputLimit = 64 * 1024

type Mutable<A> = { -readonly [Key in keyof A]: A[Key] }
type OpenStep = Mutable<Omit<StepReport, "steps">> & { readonly steps: Array<OpenStep> }

export interface Collector {
  readonly add: (event: Event) => void
  /** The run as far as it is known; not changed by later events. */
  readonly report: () => Report
}

const copyStep = (step: OpenStep): StepReport => ({ ...step, steps: step.steps.map(copyStep) })

/** Commands, waits and the like; what only groups others is not counted. */
const isCounted = (step: StepReport): boolean => step.kind !== "subtest" && step.kind !== "nested"

export const makeCollector = (): Collector => {
  const machines = new Map<string, MachineReport>()
  const byId = new Map<string, OpenStep>()
  const outermost: Array<OpenStep> = []
  const notices: Array<Report["notices"][number]> = []
  const logs: Array<Report["logs"][number]> = []
  const artifacts: Array<Report["artifacts"][number]> = []
  let run: Report["run"]
  let finished: Extract<Event, { readonly _tag: "RunFinished" }> | undefined
  let elapsed = 0

  const change = (name: string, changes: Partial<MachineReport>): void => {
    const before = machines.get(name) ?? { name, phases: {}, reboots: 0 }
    machines.set(name, { ...before, ...changes })
  }

  const startStep = (event: Extract<Event, { readonly _tag: "StepStarted" }>): void => {
    const { step: id, machine, kind, title, parent } = event
    const step: OpenStep = { id, machine, kind, title, startedAt: event.elapsed, output: "", steps: [] }
    byId.set(id, step)
    const siblings = parent === undefined ? outermost : (byId.get(parent)?.steps ?? outermost)
    siblings.push(step)
  }

  const add = (event: Event): void => {
    elapsed = Math.max(elapsed, event.elapsed)
    switch (event._tag) {
      case "RunStarted":
        run = event
        return
      case "RunFinished":
        finished = event
        return
      case "Notice":
        notices.push(event)
        return
      case "Log":
        logs.push(event)
        return
      case "ArtifactSaved":
        artifacts.push(event)
        return
      case "MachinePlanned":
        return change(event.machine, { planned: event })
      case "MachineStarting":
        return change(event.machine, { start: event.start, phases: {}, readyAfter: undefined, end: undefined })
      case "MachinePhaseReached":
        return change(event.machine, {
          phases: { ...machines.get(event.machine)?.phases, [event.phase]: event.sinceStart }
        })
      case "MachineReady":
        return change(event.machine, { readyAfter: event.sinceStart })
      case "BootProfiled":
        return change(event.machine, { profile: event.profile })
      case "MachineRebooted":
        return change(event.machine, { reboots: (machines.get(event.machine)?.reboots ?? 0) + 1 })
      case "MachineStopped":
      case "MachineDied":
        return change(event.machine, { end: event })
      case "StepStarted":
        return startStep(event)
      case "StepFinished": {
        const step = byId.get(event.step)
        if (step === undefined) return
        step.outcome = event.outcome
        step.durationMs = event.durationMs
        step.detail = event.detail
        return
      }
      case "CommandOutput": {
        const step = byId.get(event.step)
        if (step !== undefined) step.output = (step.output + event.text).slice(-outputLimit)
        return
      }
      case "ImageProgress":
      case "MachineConnected":
      case "ConsoleLine":
        return
    }
  }

  const report = (): Report => {
    const stepCounts = { passed: 0, failed: 0, interrupted: 0, running: 0 }
    for (const step of byId.values()) if (isCounted(step)) stepCounts[step.outcome ?? "running"]++
    return {
      run,
      verdict: finished?.verdict,
      durationMs: finished?.durationMs ?? elapsed,
      failures: finished?.failures ?? [],
      machines: [...machines.values()],
      steps: outermost.map(copyStep),
      stepCounts,
      notices: [...notices],
      logs: [...logs],
      artifacts: [...artifacts]
    }
  }
  return { add, report }
}
