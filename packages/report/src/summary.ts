/** The end of a run's log: where the time of boots went, what was counted, what failed and why, the verdict. */
import type { Failure, Verdict } from "@nix-vm-test/core/events/Event"
import { formatDuration } from "./formatDuration.ts"
import type { MachineReport, Report } from "./Report.ts"
import { stripControl, stripLines } from "./stripControl.ts"
import type { Style } from "./Style.ts"

/** Lines of one block of evidence that are shown; the end tells most. */
const evidenceLimit = 40

/** Units in a boot's line; the event has more. */
const slowestShown = 3

const indented = (lines: ReadonlyArray<string>, by = "  "): ReadonlyArray<string> =>
  lines.map((line) => (line === "" ? "" : `${by}${line}`))

/** Rows with their columns aligned; the style is put on after the widths are known. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (known, row) =>
      Array.from({ length: Math.max(known.length, row.length) }, (_, column) =>
        Math.max(known[column] ?? 0, row[column]?.length ?? 0)
      ),
    []
  )
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
}

const seconds = (value: number | undefined): string => (value === undefined ? "" : formatDuration(value * 1000))

const bootColumns = ["ready", "firmware", "kernel", "initrd", "user space", "agent"] as const

const bootRow = ({ name, start, readyAfter, profile }: MachineReport): ReadonlyArray<string> => [
  start === "clone" ? `${name} (clone)` : name,
  readyAfter === undefined ? "not ready" : formatDuration(readyAfter),
  seconds(profile?.firmware),
  seconds(profile?.kernel),
  seconds(profile?.initrd),
  seconds(profile?.userspace),
  seconds(profile?.agent)
]

const withoutEmptyColumns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const [, ...data] = rows
  return rows.map((row) => row.filter((_, column) => data.some((cells) => (cells[column] ?? "") !== "")))
}

const joined = (cells: ReadonlyArray<string>): string => cells.join("   ").trimEnd()

const bootLines = (machines: ReadonlyArray<MachineReport>, style: Style): ReadonlyArray<string> => {
  const started = machines.filter(({ start }) => start !== undefined)
  if (started.length === 0) return []
  const [heading = [], ...rows] = table(withoutEmptyColumns([["boot", ...bootColumns], ...started.map(bootRow)]))
  const slowest = (machine: MachineReport | undefined): ReadonlyArray<string> => {
    const units = (machine?.profile?.slowestUnits ?? []).slice(0, slowestShown)
    return units.length === 0
      ? []
      : indented([
          style.dim(`slowest: ${units.map(({ unit, seconds: time }) => `${unit} ${seconds(time)}`).join(", ")}`)
        ])
  }
  return [
    style.dim(joined(heading)),
    ...rows.flatMap(([name = "", ...cells], index) => [
      `${style.machine(started[index]?.name ?? "")}${name.slice((started[index]?.name ?? "").length)}   ${joined(cells)}`,
      ...slowest(started[index])
    ])
  ]
}

const countLine = ({ stepCounts }: Report, style: Style): ReadonlyArray<string> => {
  const { passed, failed, interrupted, running } = stepCounts
  const parts = [
    passed > 0 ? `${passed} passed` : "",
    failed > 0 ? style.bad(`${failed} failed`) : "",
    interrupted > 0 ? style.warning(`${interrupted} interrupted`) : "",
    running > 0 ? style.warning(`${running} unfinished`) : ""
  ].filter((part) => part !== "")
  return parts.length === 0 ? [] : [`${style.dim("steps")}  ${parts.join(", ")}`]
}

const kindNames: Readonly<Record<Failure["kind"], string>> = {
  test: "test failure",
  infrastructure: "infrastructure failure",
  usage: "wrong use",
  interrupted: "interrupted"
}

const evidenceLines = ({ title, text }: Failure["evidence"][number], style: Style): ReadonlyArray<string> => {
  const lines = stripLines(text)
  const shown = lines.slice(-evidenceLimit)
  const omitted = lines.length - shown.length
  return [
    "",
    `${style.bold(stripControl(title))}${omitted > 0 ? style.dim(` (last ${shown.length} of ${lines.length} lines)`) : ""}`,
    ...shown.map((line) => `${style.dim("│")} ${line}`.trimEnd())
  ]
}

/** What happened, where in the script, what was seen last, what to do. */
export const failureLines = (failure: Failure, style: Style): ReadonlyArray<string> => {
  const where = failure.machine === undefined ? "" : ` on ${style.machine(failure.machine)}`
  const frames = failure.frames.flatMap(({ file, line, column, source }) => [
    style.dim(`at ${file}:${line}:${column}`),
    ...(source === undefined ? [] : indented([stripControl(source).trim()]))
  ])
  return [
    "",
    `${style.verdictBad(kindNames[failure.kind])}${where}  ${style.dim(failure.tag)}`,
    ...indented([
      ...stripLines(failure.message),
      ...(frames.length === 0 ? [] : ["", ...frames]),
      ...failure.evidence.flatMap((evidence) => evidenceLines(evidence, style)),
      ...(failure.hint === undefined ? [] : ["", `${style.warning("hint:")} ${stripControl(failure.hint)}`])
    ])
  ]
}

const artifactLines = ({ artifacts }: Report, style: Style): ReadonlyArray<string> =>
  artifacts.length === 0 ? [] : [`${style.dim("files")}  ${artifacts.map(({ path }) => stripControl(path)).join(", ")}`]

const verdictLine = (report: Report, style: Style): string => {
  const name = report.run?.name ?? "the run"
  const time = formatDuration(report.durationMs)
  const words: Readonly<Record<Verdict, string>> = {
    passed: style.verdictGood(`✓ ${name} passed`),
    failed: style.verdictBad(`✗ ${name} failed`),
    infrastructure: style.verdictBad(`✗ ${name} could not be run`),
    usage: style.verdictBad(`✗ ${name} could not be started`),
    interrupted: style.verdictWarning(`! ${name} was interrupted`)
  }
  return report.verdict === undefined
    ? `${style.verdictWarning(`! ${name} broke off`)} after ${time}`
    : `${words[report.verdict]} ${report.verdict === "passed" ? "in" : "after"} ${time}`
}

/** Lines without line ends. Texts are masked already; those from guests are stripped here. */
export const summaryLines = (report: Report, style: Style): ReadonlyArray<string> => {
  const facts = [...bootLines(report.machines, style), ...countLine(report, style), ...artifactLines(report, style)]
  const failures = report.failures.flatMap((failure) => failureLines(failure, style))
  return ["", ...facts, ...failures, ...(facts.length + failures.length > 0 ? [""] : []), verdictLine(report, style)]
}
