/** The steps that run now, as a log shows them. */
import type { Event } from "@nix-vm-test/core/events/Event"
import { stripControl } from "./stripControl.ts"

type Started = Extract<Event, { readonly _tag: "StepStarted" }>
type Finished = Extract<Event, { readonly _tag: "StepFinished" }>

export interface RunningStep {
  readonly started: Started
  /** The title's first line. */
  readonly title: string
  /** Steps that it is part of. */
  readonly depth: number
  /** Milliseconds in which nothing of it ran but the boot of a machine. */
  readonly bootMs: number
}

/** A step, and since when it does nothing by steps of its own. */
interface Entry extends RunningStep {
  readonly idleSince: number
}

export interface RunningSteps {
  readonly start: (event: Started) => RunningStep
  readonly finish: (event: Finished) => RunningStep | undefined
  /** A machine got ready: what did nothing else until now was waiting for it. */
  readonly booted: (elapsed: number) => void
  /** The step and those that it is part of, outermost first. */
  readonly chain: (id: string) => ReadonlyArray<RunningStep>
  /** Running steps of a machine, in the order in which they began. */
  readonly of: (machine: string) => ReadonlyArray<RunningStep>
  /** Those that have no running part. */
  readonly innermost: () => ReadonlyArray<RunningStep>
}

const titleOf = (title: string): string => {
  const [first = "", ...rest] = title.trim().split("\n")
  if (rest.length === 0) return stripControl(first)
  return `${stripControl(first)} … (+${rest.length === 1 ? "1 line" : `${rest.length} lines`})`
}

const isGroup = ({ kind }: Started): boolean => kind === "subtest" || kind === "nested"

export const makeRunningSteps = (): RunningSteps => {
  const running = new Map<string, Entry>()
  const change = (step: Entry | undefined, changes: Partial<Entry>): void => {
    if (step !== undefined) running.set(step.started.step, { ...step, ...changes })
  }
  const innermost = (): ReadonlyArray<Entry> => {
    const parents = new Set([...running.values()].map(({ started }) => started.parent))
    return [...running.values()].filter(({ started }) => !parents.has(started.step))
  }
  const chain = (id: string): ReadonlyArray<RunningStep> => {
    const step = running.get(id)
    if (step === undefined) return []
    return step.started.parent === undefined ? [step] : [...chain(step.started.parent), step]
  }
  return {
    chain,
    innermost,
    start: (event) => {
      const step: Entry = {
        started: event,
        title: titleOf(event.title),
        depth: event.parent === undefined ? 0 : chain(event.parent).length,
        bootMs: 0,
        idleSince: event.elapsed
      }
      running.set(event.step, step)
      return step
    },
    finish: ({ step: id, elapsed }) => {
      const step = running.get(id)
      running.delete(id)
      const parent = step?.started.parent
      if (step !== undefined && parent !== undefined) {
        const waiting = running.get(parent)
        change(waiting, { idleSince: elapsed, bootMs: (waiting?.bootMs ?? 0) + step.bootMs })
      }
      return step
    },
    booted: (elapsed) => {
      for (const step of innermost().filter(({ started }) => isGroup(started))) {
        change(step, { idleSince: elapsed, bootMs: step.bootMs + elapsed - step.idleSince })
      }
    },
    of: (machine) => [...running.values()].filter(({ started }) => started.machine === machine)
  }
}
