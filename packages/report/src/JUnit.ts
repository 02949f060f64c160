/**
 * A run as JUnit XML, as CI servers read it: a case for each subtest, or one for the whole script where it has none.
 *
 * A failure that belongs to no subtest has a case of its own, so that a failed run never looks passed.
 */
import type { Event, Failure } from "@nix-vm-test/core/events/Event"
import { makeControlStripper } from "./stripControl.ts"

/** Characters of each stream that a case keeps: its end. */
const outputLimit = 256 * 1024

interface Case {
  readonly name: string
  /** Seconds; absent where the run broke off. */
  time?: number
  problem?: { readonly kind: "failure" | "error"; readonly message: string; readonly text: string }
  out: string
  err: string
}

type EventOf<Tag extends Event["_tag"]> = Extract<Event, { readonly _tag: Tag }>

/** What no XML 1.0 document may hold, however it is written. */
const forbidden = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\n": "&#10;",
  "\t": "&#9;"
}

const plain = (text: string): string => makeControlStripper()(text).replaceAll(forbidden, "")
const content = (text: string): string => plain(text).replaceAll(/[&<>]/gu, (character) => escapes[character] ?? "")
const attribute = (text: string): string =>
  plain(text).replaceAll(/[&<>"\n\t]/gu, (character) => escapes[character] ?? "")

const attributes = (values: Readonly<Record<string, string | number | undefined>>): string =>
  Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${attribute(String(value))}"`]))
    .join("")

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3)

const failureText = (failure: Failure): string =>
  [
    failure.message,
    ...failure.frames.map(
      ({ file, line, source }) => `  at ${file}:${line}${source === undefined ? "" : `\n    ${source}`}`
    ),
    ...failure.evidence.map(({ title, text }) => `\n${title}\n${text}`),
    ...(failure.hint === undefined ? [] : [`\n${failure.hint}`])
  ].join("\n")

const problemOf = (failure: Failure): NonNullable<Case["problem"]> => ({
  kind: failure.kind === "test" ? "failure" : "error",
  message: failure.message,
  text: failureText(failure)
})

export interface JUnitReport {
  readonly add: (event: Event) => void
  /** The document, as far as the run is known. */
  readonly xml: () => string
}

/** Gathers a run's events; see above. */
export const makeJUnitReport = (): JUnitReport => {
  const whole: Case = { name: "main", out: "", err: "" }
  const cases: Array<Case> = []
  /** The case that a step's events belong to. */
  const caseOf = new Map<string, Case>()
  /** Cases by the step that is the subtest itself. */
  const subtestOf = new Map<string, Case>()
  let started: EventOf<"RunStarted"> | undefined
  let finished: EventOf<"RunFinished"> | undefined

  const write = (to: Case, stream: "out" | "err", text: string): void => {
    to[stream] = (to[stream] + text).slice(-outputLimit)
  }
  const ownerOf = (step: string | undefined): Case => (step === undefined ? whole : (caseOf.get(step) ?? whole))

  const startStep = ({ step, parent, kind, title, machine }: EventOf<"StepStarted">): void => {
    const outer = ownerOf(parent)
    if (kind !== "subtest") {
      caseOf.set(step, outer)
      write(outer, "out", `${machine === undefined ? "" : `${machine}: `}${title}\n`)
      return
    }
    const inner: Case = { name: outer === whole ? title : `${outer.name} › ${title}`, out: "", err: "" }
    cases.push(inner)
    caseOf.set(step, inner)
    subtestOf.set(step, inner)
  }

  const finishStep = ({ step, outcome, durationMs, detail }: EventOf<"StepFinished">): void => {
    const found = subtestOf.get(step)
    if (found === undefined) return
    found.time = durationMs
    if (outcome === "passed") return
    const message = detail ?? (outcome === "interrupted" ? "it was interrupted" : "it failed")
    found.problem = { kind: outcome === "failed" ? "failure" : "error", message, text: message }
  }

  const add = (event: Event): void => {
    switch (event._tag) {
      case "RunStarted":
        started = event
        return
      case "RunFinished":
        finished = event
        return
      case "StepStarted":
        return startStep(event)
      case "StepFinished":
        return finishStep(event)
      case "CommandOutput":
        return write(ownerOf(event.step), event.stream === "stdout" ? "out" : "err", event.text)
      case "Log": {
        const stream = event.level === "error" || event.level === "warning" ? "err" : "out"
        return write(ownerOf(event.step), stream, `${event.text}\n`)
      }
      default:
        return
    }
  }

  /** A failed subtest's own line is only the error's first; the run's failure has all of it, and belongs to no other case then. */
  const withFailures = (): ReadonlyArray<Case> => {
    const left = [...(finished?.failures ?? [])]
    const told = cases.map((known): Case => {
      const index = left.findIndex(
        ({ message }) => known.problem !== undefined && message.startsWith(known.problem.message)
      )
      const [failure] = index < 0 ? [] : left.splice(index, 1)
      return failure === undefined ? known : { ...known, problem: problemOf(failure) }
    })
    const rest = left.map((failure, index): Case => ({
      ...(index === 0 ? whole : { out: "", err: "" }),
      name: index === 0 ? whole.name : `${whole.name} ${index + 1}`,
      time: finished?.durationMs ?? 0,
      problem: problemOf(failure)
    }))
    const alone = told.length === 0 && rest.length === 0
    return alone ? [{ ...whole, time: finished?.durationMs ?? 0 }] : [...told, ...rest]
  }

  const caseXml = (known: Case, className: string): string => {
    const { problem, out, err } = known
    const lines = [
      `    <testcase${attributes({ name: known.name, classname: className, time: seconds(known.time ?? 0) })}>`,
      ...(problem === undefined
        ? []
        : [
            `      <${problem.kind}${attributes({ message: problem.message })}>${content(problem.text)}</${problem.kind}>`
          ]),
      ...(out === "" ? [] : [`      <system-out>${content(out)}</system-out>`]),
      ...(err === "" ? [] : [`      <system-err>${content(err)}</system-err>`]),
      "    </testcase>"
    ]
    return lines.join("\n")
  }

  const xml = (): string => {
    const name = started?.name ?? "test"
    const all = withFailures()
    const count = (kind: "failure" | "error") => all.filter(({ problem }) => problem?.kind === kind).length
    const counts = { tests: all.length, failures: count("failure"), errors: count("error") }
    const time = seconds(finished?.durationMs ?? 0)
    const timestamp = started === undefined ? undefined : new Date(started.time).toISOString().slice(0, 19)
    return [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<testsuites${attributes({ name, ...counts, time })}>`,
      `  <testsuite${attributes({ name, ...counts, skipped: 0, time, timestamp })}>`,
      ...all.map((known) => caseXml(known, name)),
      "  </testsuite>",
      "</testsuites>",
      ""
    ].join("\n")
  }
  return { add, xml }
}
