/** The steps that run now, as a log shows them. */
import type { Event } from "@nix-vm-test/core/events/Event"
import { stripControl } from "./stripControl.ts"

type Started = Extract<Event, { readonly _tag: "StepStarted" }>

export interface RunningStep {
  readonly started: Started
  /** The title's first line. */
  readonly title: string
  /** Steps that it is part of. */
  readonly depth: number
}

export interface RunningSteps {
  readonly start: (event: Started) => RunningStep
  readonly finish: (id: string) => RunningStep | undefined
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

export const makeRunningSteps = (): RunningSteps => {
  const running = new Map<string, RunningStep>()
  const chain = (id: string): ReadonlyArray<RunningStep> => {
    const step = running.get(id)
    if (step === undefined) return []
    return step.started.parent === undefined ? [step] : [...chain(step.started.parent), step]
  }
  return {
    chain,
    start: (event) => {
      const step: RunningStep = {
        started: event,
        title: titleOf(event.title),
        depth: event.parent === undefined ? 0 : chain(event.parent).length
      }
      running.set(event.step, step)
      return step
    },
    finish: (id) => {
      const step = running.get(id)
      running.delete(id)
      return step
    },
    of: (machine) => [...running.values()].filter(({ started }) => started.machine === machine),
    innermost: () => {
      const parents = new Set([...running.values()].map(({ started }) => started.parent))
      return [...running.values()].filter(({ started }) => !parents.has(started.step))
    }
  }
}
