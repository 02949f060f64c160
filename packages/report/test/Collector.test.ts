import { makeCollector } from "@nix-vm-test/report/Collector"
import type { StepReport } from "@nix-vm-test/report/Report"
import { assert, describe, it } from "@effect/vitest"
import { failingRun, makeTimeline } from "./exampleRuns.ts"

const outline = (steps: ReadonlyArray<StepReport>): ReadonlyArray<unknown> =>
  steps.map(({ title, outcome, steps: parts }) => [title.split("\n")[0], outcome ?? "running", ...outline(parts)])

describe("Collector", () => {
  const collector = makeCollector()
  failingRun.forEach(collector.add)
  const report = collector.report()

  it("nests steps by their parents, parallel ones too", () => {
    assert.deepStrictEqual(outline(report.steps), [
      ["start all machines", "passed"],
      ["must succeed: systemctl start nginx", "passed"],
      [
        "subtest: page",
        "failed",
        ["waiting for TCP port 80", "passed"],
        ["must succeed: curl --version", "passed"],
        ["must succeed: curl -sSf http://server/", "failed"],
        ["waiting for unit backup.service", "interrupted"]
      ]
    ])
    assert.deepStrictEqual(report.stepCounts, { passed: 4, failed: 1, interrupted: 1, running: 0 })
  })

  it("keeps what commands wrote", () => {
    const failed = report.steps[2]?.steps[2]
    assert.strictEqual(failed?.output, "curl: (22) The requested URL returned error: 404\nnext line")
    assert.strictEqual(failed?.detail, "command failed (exit code 22)")
  })

  it("knows how each machine came up", () => {
    const [client, server] = report.machines
    assert.deepStrictEqual([client?.name, client?.start, client?.readyAfter], ["client", "cold", 14_150])
    assert.deepStrictEqual(client?.phases, { firmware: 850, kernel: 1750, userspace: 7850, connected: 13_850 })
    assert.strictEqual(server?.profile?.kernel, 3.5)
  })

  it("has the verdict and its reasons", () => {
    assert.strictEqual(report.verdict, "failed")
    assert.deepStrictEqual(
      report.failures.map(({ tag }) => tag),
      ["TestFailure/CommandFailed"]
    )
  })

  it("tells of a run that broke off, and does not change afterwards", () => {
    const events = makeTimeline([
      [0, { _tag: "StepStarted", step: "s1", kind: "command", title: "a" }],
      [9, { _tag: "StepStarted", step: "s2", parent: "s1", kind: "command", title: "b" }],
      [10, { _tag: "StepFinished", step: "s2", outcome: "passed", durationMs: 1 }]
    ])
    const running = makeCollector()
    events.slice(0, 2).forEach(running.add)
    const before = running.report()
    events.slice(2).forEach(running.add)
    assert.deepStrictEqual([before.verdict, before.durationMs, before.stepCounts.running], [undefined, 9, 2])
    assert.strictEqual(before.steps[0]?.steps[0]?.outcome, undefined)
    assert.strictEqual(running.report().steps[0]?.steps[0]?.outcome, "passed")
  })

  it("bounds the output that it keeps", () => {
    const bounded = makeCollector()
    bounded.add(
      makeTimeline([[0, { _tag: "StepStarted", step: "s1", kind: "command", title: "a" }]])[0] ?? assert.fail()
    )
    for (const event of makeTimeline(
      Array.from({ length: 100 }, (_, index) => [
        index,
        {
          _tag: "CommandOutput",
          machine: "vm",
          step: "s1",
          stream: "stdout",
          text: `${index}`.padEnd(1024, "x")
        } as const
      ])
    )) {
      bounded.add(event)
    }
    const output = bounded.report().steps[0]?.output ?? ""
    assert.strictEqual(output.length, 64 * 1024)
    assert.isTrue(output.startsWith("36x"), "the end is kept, not the beginning")
  })
})
