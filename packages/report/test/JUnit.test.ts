import { spawnSync } from "node:child_process"
import type { EventBody, Failure } from "@nix-vm-test/core/events/Event"
import { makeJUnitReport } from "@nix-vm-test/report/JUnit"
import { assert, describe, it } from "@effect/vitest"
import { failingRun, makeTimeline } from "./exampleRuns.ts"

const xmlOf = (events: Parameters<typeof makeTimeline>[0]): string => {
  const report = makeJUnitReport()
  makeTimeline(events).forEach(report.add)
  return report.xml()
}

const started: readonly [number, EventBody] = [
  0,
  { _tag: "RunStarted", runId: "r", name: "t", machines: ["vm"], driver: "0" }
]

const finished = (failures: ReadonlyArray<Failure> = []): readonly [number, EventBody] => [
  2500,
  { _tag: "RunFinished", verdict: failures.length === 0 ? "passed" : "failed", durationMs: 2500, failures }
]

const failure = (message: string, kind: Failure["kind"] = "test"): Failure => ({
  kind,
  tag: "TestFailure/CommandFailed",
  message,
  frames: [{ file: "/t.py", line: 3, column: 1, source: "vm.succeed('x')" }],
  evidence: [{ title: "stderr", text: "boom" }]
})

const subtest = (step: string, title: string, parent?: string): EventBody => ({
  _tag: "StepStarted",
  step,
  kind: "subtest",
  title,
  ...(parent === undefined ? {} : { parent })
})

const ended = (step: string, outcome: "passed" | "failed" | "interrupted", detail?: string): EventBody => ({
  _tag: "StepFinished",
  step,
  outcome,
  durationMs: 1500,
  ...(detail === undefined ? {} : { detail })
})

/** The names of cases, and what is wrong with each. */
const outline = (xml: string): ReadonlyArray<string> =>
  [...xml.matchAll(/<testcase name="([^"]*)"|<(failure|error) message="([^"]*)"/gu)].map(([, name, kind, message]) =>
    name === undefined ? `${kind}: ${message}` : name
  )

describe("JUnit", () => {
  it("has one case for a script without subtests", () => {
    const xml = xmlOf([started, finished()])
    assert.deepStrictEqual(outline(xml), ["main"])
    assert.include(xml, '<testsuite name="t" tests="1" failures="0" errors="0" skipped="0" time="2.500"')
    assert.include(xml, 'timestamp="2027-01-15T08:00:00"')
  })

  it("has a case for each subtest, named with those around it, with its time and both streams", () => {
    const xml = xmlOf([
      started,
      [1, subtest("s1", "outer")],
      [2, subtest("s2", "inner", "s1")],
      [3, { _tag: "StepStarted", step: "s3", parent: "s2", kind: "command", title: "run: ls", machine: "vm" }],
      [4, { _tag: "CommandOutput", machine: "vm", step: "s3", stream: "stdout", text: "file\n" }],
      [5, { _tag: "CommandOutput", machine: "vm", step: "s3", stream: "stderr", text: "warned\n" }],
      [6, ended("s3", "passed")],
      [7, ended("s2", "passed")],
      [8, ended("s1", "passed")],
      finished()
    ])
    assert.deepStrictEqual(outline(xml), ["outer", "outer › inner"])
    assert.include(xml, '<testcase name="outer › inner" classname="t" time="1.500">')
    assert.include(xml, "<system-out>vm: run: ls\nfile\n</system-out>\n      <system-err>warned\n</system-err>")
  })

  it("gives a failed subtest the run's whole failure, and no case besides", () => {
    const xml = xmlOf([
      started,
      [1, subtest("s1", "page")],
      [2, ended("s1", "failed", "command `x` failed (exit code 1)")],
      finished([failure("command `x` failed (exit code 1)\nmore")])
    ])
    assert.deepStrictEqual(outline(xml), ["page", "failure: command `x` failed (exit code 1)&#10;more"])
    assert.include(xml, "  at /t.py:3\n    vm.succeed('x')\n\nstderr\nboom")
  })

  it("has a case for a failure outside of any subtest, and an error where the infrastructure failed", () => {
    const xml = xmlOf([
      started,
      [1, subtest("s1", "page")],
      [2, ended("s1", "passed")],
      finished([failure("QEMU ended", "infrastructure")])
    ])
    assert.deepStrictEqual(outline(xml), ["page", "main", "error: QEMU ended"])
    assert.include(xml, 'tests="2" failures="0" errors="1"')
  })

  it("says that a subtest was interrupted", () => {
    const xml = xmlOf([started, [1, subtest("s1", "page")], [2, ended("s1", "interrupted")], finished()])
    assert.deepStrictEqual(outline(xml), ["page", "error: it was interrupted"])
  })

  it("writes what XML can't hold without it, and escapes the rest", () => {
    const nasty = '\u0000\u001b[31mred\u001b[0m <b>&"quoted"]]>\uFFFF\uD800 \u{1F600}'
    const xml = xmlOf([
      [0, { _tag: "RunStarted", runId: "r", name: nasty, machines: [], driver: "0" }],
      [1, { _tag: "Log", level: "info", text: nasty }],
      finished([failure(nasty)])
    ])
    assert.include(xml, 'name="red &lt;b&gt;&amp;&quot;quoted&quot;]]&gt; \u{1F600}"')
    const points = Array.from(xml, (character) => character.codePointAt(0) ?? 0)
    assert.isTrue(xml.isWellFormed() && points.every((point) => point >= 0x20 || point === 0x0a))
    assert.notInclude(points, 0xffff)
  })

  it("is XML, for a run with everything in it", () => {
    const report = makeJUnitReport()
    failingRun.forEach(report.add)
    const script = "import sys, xml.dom.minidom as m; m.parse(sys.stdin.buffer)"
    const { status, stderr } = spawnSync("python3", ["-c", script], { input: report.xml(), encoding: "utf8" })
    assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
  })
})
