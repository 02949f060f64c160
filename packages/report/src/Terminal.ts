/**
 * A run in the terminal, while it runs. A reader of events that is told the time, so that the same events always give the same text.
 *
 * Lines have the shape of the NixOS test driver's: `vm: must succeed: true`, `vm: (finished: must succeed: true, in 0.02 s)`, `vm # …`. On a
 * terminal a step that nothing else was printed during is one line instead of two, and what runs now stands below.
 */
import type { Event } from "@nix-vm-test/core/events/Event"
import * as ByteSize from "effect/ByteSize"
import { makeCollector } from "./Collector.ts"
import { makeConsoleTails } from "./ConsoleTails.ts"
import { formatDuration } from "./formatDuration.ts"
import {
  activityBar,
  activityLine,
  continueActivity,
  type ImageActivity,
  isLineDue,
  readyLine
} from "./ImageProgress.ts"
import { makeLineAssembler } from "./LineAssembler.ts"
import { makeLiveArea } from "./LiveArea.ts"
import { makeEventMask } from "./maskEvents.ts"
import { makeRunningSteps, type RunningStep } from "./RunningSteps.ts"
import { type BootingMachine, statusLine } from "./statusLine.ts"
import { stripControl, stripLines } from "./stripControl.ts"
import { makeStyle } from "./Style.ts"
import { summaryLines } from "./summary.ts"

export interface TerminalReportOptions {
  readonly color: boolean
  /** A terminal that understands cursor movements: steps are indented by their nesting, and what runs now stands below. */
  readonly interactive: boolean
  /** Guests' console and commands' stderr: as they come, never, or their end where something failed. */
  readonly console: "all" | "none" | "failure"
  /** Replaced by `***` wherever they appear. */
  readonly secrets: ReadonlyArray<string>
  /** Columns of the terminal. */
  readonly width: number
  readonly write: (text: string) => void
}

export interface TerminalReport {
  readonly event: (event: Event) => void
  /** Draws what runs now anew; `elapsed` is milliseconds since the run began. */
  readonly tick: (elapsed: number) => void
  /** Leaves the terminal clean when no more events come, also in the midst of a run. */
  readonly end: () => void
  /** The same, and the summary of a run whose end was never told. */
  readonly breakOff: () => void
}

type EventOf<Tag extends Event["_tag"]> = Extract<Event, { readonly _tag: Tag }>

export const makeTerminalReport = (options: TerminalReportOptions): TerminalReport => {
  const { interactive } = options
  let consoles = options.console
  const style = makeStyle(options)
  const mask = makeEventMask(options.secrets)
  const collector = makeCollector()
  const tails = makeConsoleTails()
  const outputLines = makeLineAssembler()
  const live = makeLiveArea(options.write)
  const steps = makeRunningSteps()
  const announced = new Set<string>()
  const images = new Map<string, ImageActivity>()
  const booting = new Map<string, BootingMachine>()
  let text = ""
  /** Somebody types in the terminal: nothing is drawn. */
  let taken = false
  let now = 0

  const print = (line: string, depth = 0): void => {
    text += `${interactive ? "  ".repeat(depth) : ""}${line}\n`
  }
  const prefix = (machine: string | undefined): string => (machine === undefined ? "" : `${style.machine(machine)}: `)

  const flush = (): void => {
    if (taken) return
    const status = statusLine({ now, width: options.width, booting: booting.values(), steps: steps.innermost(), style })
    const bars = [...images.values()].map((activity) => activityBar(activity, now, style))
    live.draw({ text, live: interactive ? [...bars, ...(status === undefined ? [] : [status])] : [] })
    text = ""
  }

  const announce = (step: RunningStep): void => {
    if (announced.has(step.started.step)) return
    announced.add(step.started.step)
    const title = step.started.kind === "subtest" ? style.bold(step.title) : step.title
    print(`${prefix(step.started.machine)}${title}`, step.depth)
  }
  const announceChain = (id: string | undefined): void => {
    if (id !== undefined) steps.chain(id).forEach(announce)
  }
  /** What a machine says belongs to the steps that it runs. */
  const announceStepsOf = (machine: string): void => {
    for (const { started } of steps.of(machine)) announceChain(started.step)
  }

  const stepStarted = (event: EventOf<"StepStarted">): void => {
    const step = steps.start(event)
    if (interactive && event.kind !== "subtest") return
    announceChain(event.parent)
    announce(step)
  }

  const outcomes = {
    passed: { word: "finished", paint: style.dim },
    failed: { word: "failed", paint: style.bad },
    interrupted: { word: "interrupted", paint: style.warning }
  } as const

  const stepFinished = (event: EventOf<"StepFinished">): void => {
    for (const line of outputLines.end(event.step)) printOutput(event.step, line)
    announceChain(steps.chain(event.step).at(-2)?.started.step)
    const step = steps.finish(event)
    if (step === undefined) return
    const { word, paint } = outcomes[event.outcome]
    const detail = event.detail === undefined ? "" : `: ${stripControl(event.detail)}`
    const time = formatDuration(event.durationMs - step.bootMs)
    const boot = step.bootMs === 0 ? "" : `, after ${formatDuration(step.bootMs)} of boot`
    const isOneLine = !announced.delete(event.step)
    const after = event.outcome === "passed" ? time + boot : `${word} after ${time}${boot}${detail}`
    print(
      isOneLine
        ? `${prefix(step.started.machine)}${step.title}  ${paint(after)}`
        : `${prefix(step.started.machine)}${paint(`(${word}: ${step.title}, ${event.outcome === "passed" ? "in" : "after"} ${time}${boot}${detail})`)}`,
      step.depth
    )
  }

  const printOutput = (id: string, line: string): void => {
    const machine = steps.chain(id).at(-1)?.started.machine
    if (machine === undefined) return
    announceChain(id)
    print(style.dim(`${machine} | ${stripControl(line)}`.trimEnd()))
  }
  const commandOutput = (event: EventOf<"CommandOutput">): void => {
    if (consoles !== "all" || event.stream !== "stderr") return
    for (const line of outputLines.push(event.step, event.text)) printOutput(event.step, line)
  }

  const consoleLine = (event: EventOf<"ConsoleLine">): void => {
    const line = stripControl(event.text)
    if (consoles === "failure") tails.add(event.machine, line)
    if (consoles !== "all") return
    announceStepsOf(event.machine)
    print(style.dim(`${event.machine} # ${line}`.trimEnd()))
  }

  const imageProgress = (event: EventOf<"ImageProgress">): void => {
    const clean = { ...event, text: stripControl(event.text) }
    const before = images.get(event.image)
    if (event.activity === "ready") {
      images.delete(event.image)
      print(readyLine(before, clean, style))
      return
    }
    const activity = continueActivity(before, clean)
    const isDue = !interactive && isLineDue(activity)
    images.set(event.image, isDue ? { ...activity, printed: clean } : activity)
    if (isDue) print(activityLine(activity, style))
  }

  const machinePlanned = ({ machine, image, memoryBytes, cpus, accelerator }: EventOf<"MachinePlanned">): void => {
    const memory = ByteSize.format(ByteSize.bytes(memoryBytes), { system: "binary" })
    const facts = [image, memory, cpus === 1 ? "1 CPU" : `${cpus} CPUs`, accelerator.toUpperCase()]
    print(`${prefix(machine)}${style.dim(facts.join(", "))}`)
  }

  const machineStarting = ({ machine, start, elapsed }: EventOf<"MachineStarting">): void => {
    booting.set(machine, { machine, phase: "spawned", since: elapsed })
    if (!interactive) print(`${prefix(machine)}starting (${start === "cold" ? "cold boot" : "clone"})`)
  }

  const machineReady = ({ machine, sinceStart, elapsed }: EventOf<"MachineReady">): void => {
    booting.delete(machine)
    steps.booted(elapsed)
    announceStepsOf(machine)
    print(`${prefix(machine)}ready in ${formatDuration(sinceStart)}`)
  }

  const machineDied = ({ machine, reason, consoleTail }: EventOf<"MachineDied">): void => {
    booting.delete(machine)
    announceStepsOf(machine)
    print(`${prefix(machine)}${style.bad(`died: ${stripControl(reason)}`)}`)
    if (consoles === "all") return
    for (const line of consoleTail) print(style.dim(`${machine} # ${stripControl(line)}`.trimEnd()))
  }

  const levels = { debug: style.dim, info: (line: string) => line, warning: style.warning, error: style.bad } as const
  const log = (event: EventOf<"Log">): void => {
    announceChain(event.step)
    const depth = event.step === undefined ? 0 : steps.chain(event.step).length
    for (const line of stripLines(event.text)) print(`${prefix(event.machine)}${levels[event.level](line)}`, depth)
  }

  const notice = ({ topic, text: what, machine }: EventOf<"Notice">): void => {
    const paint = topic === "retry" || topic === "end-of-life" ? style.warning : style.dim
    print(`${prefix(machine)}${paint(`${topic}: ${stripControl(what)}`)}`)
  }

  const runFinished = (): void => {
    images.clear()
    booting.clear()
    const report = collector.report()
    if (consoles === "failure" && report.verdict !== "passed") {
      for (const { machine, evidence } of report.failures) {
        if (machine === undefined || evidence.some(({ title }) => title.startsWith("console"))) continue
        for (const line of tails.lines(machine)) print(style.dim(`${machine} # ${line}`.trimEnd()))
      }
    }
    for (const line of summaryLines(report, style)) print(line)
  }

  const show = (event: Event): void => {
    switch (event._tag) {
      case "RunStarted":
        return print(`${style.bold(event.name)}  ${style.dim(`nix-vm-test ${event.driver}`)}`)
      case "RunFinished":
        return runFinished()
      case "Notice":
        return notice(event)
      case "ImageProgress":
        return imageProgress(event)
      case "MachinePlanned":
        return machinePlanned(event)
      case "MachineStarting":
        return machineStarting(event)
      case "MachinePhaseReached": {
        const machine = booting.get(event.machine)
        if (machine !== undefined) booting.set(event.machine, { ...machine, phase: event.phase })
        return
      }
      case "MachineReady":
        return machineReady(event)
      case "MachineRebooted":
        return print(`${prefix(event.machine)}rebooted`)
      case "MachineStopped":
        booting.delete(event.machine)
        return print(`${prefix(event.machine)}${style.dim(`stopped (${stripControl(event.how)})`)}`)
      case "MachineDied":
        return machineDied(event)
      case "ConsoleLine":
        return consoleLine(event)
      case "StepStarted":
        return stepStarted(event)
      case "StepFinished":
        return stepFinished(event)
      case "CommandOutput":
        return commandOutput(event)
      case "Log":
        return log(event)
      case "TerminalTaken":
        if (event.taken) live.draw({ text, live: [] })
        if (event.taken) text = ""
        taken = event.taken
        return
      case "ArtifactSaved":
        if (event.kind === "screenshot")
          print(`${prefix(event.machine)}${style.dim(`saved ${stripControl(event.path)}`)}`)
        return
      case "ConsolesShown":
        consoles = event.shown ? "all" : options.console === "all" ? "failure" : options.console
        return
      case "MachineConnected":
      case "BootProfiled":
        return
    }
  }

  return {
    event: (event) => {
      now = Math.max(now, event.elapsed)
      for (const masked of mask(event)) {
        collector.add(masked)
        show(masked)
      }
      flush()
    },
    tick: (elapsed) => {
      now = Math.max(now, elapsed)
      flush()
    },
    end: () => live.draw({ text, live: [] }),
    breakOff: () => {
      if (collector.report().verdict === undefined) runFinished()
      live.draw({ text, live: [] })
    }
  }
}
