import type { Event } from "@nix-vm-test/core/events/Event"
import { followEvents } from "@nix-vm-test/report/followEvents"
import { makeTerminalReport, type TerminalReportOptions } from "@nix-vm-test/report/Terminal"
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type * as Cause from "effect/Cause"
import { failingRun, makeTimeline, passingRun } from "./exampleRuns.ts"

const makeReport = (options: Partial<TerminalReportOptions> = {}) => {
  const written: Array<string> = []
  const report = makeTerminalReport({
    color: false,
    interactive: false,
    console: "none",
    secrets: [],
    width: 100,
    write: (text) => written.push(text),
    ...options
  })
  return { report, written }
}

const render = (events: ReadonlyArray<Event>, options: Partial<TerminalReportOptions> = {}): string => {
  const { report, written } = makeReport(options)
  events.forEach(report.event)
  report.end()
  return written.join("")
}

/** Control characters made visible, one drawing a line. */
const visible = (text: string): string => text.replaceAll("\u001b", "␛").replaceAll("\r", "␍")

const step = (id: string, title: string, more: { readonly machine?: string; readonly parent?: string } = {}) =>
  ({ _tag: "StepStarted", step: id, kind: "command", title, ...more }) as const
const finished = (id: string, outcome: "passed" | "failed" = "passed") =>
  ({ _tag: "StepFinished", step: id, outcome, durationMs: 1500 }) as const

/** The text that stays, without the live lines. */
const kept = (events: ReadonlyArray<Event>, options: Partial<TerminalReportOptions> = {}): ReadonlyArray<string> =>
  visible(render(events, { interactive: true, ...options }))
    .replaceAll(/␛\[\?7l.*?␛\[\?7h/gsu, "")
    .replaceAll(/␍|␛\[\d*[AJ]/gu, "")
    .trimEnd()
    .split("\n")

const progress = (done: number) =>
  ({
    _tag: "ImageProgress",
    image: "debian:12",
    activity: "download",
    text: "downloading",
    done,
    total: 100e6,
    unit: "bytes"
  }) as const

/** A run of two machines whose failure, if any, is on one of them. */
const runWithConsoles = (verdict: "passed" | "failed", evidence: ReadonlyArray<{ title: string; text: string }> = []) =>
  makeTimeline([
    [0, { _tag: "ConsoleLine", machine: "vm", text: "before" }],
    [1, { _tag: "ConsoleLine", machine: "other", text: "elsewhere" }],
    [
      2,
      {
        _tag: "RunFinished",
        verdict,
        durationMs: 2,
        failures:
          verdict === "passed" ? [] : [{ kind: "test", tag: "T", message: "m", machine: "vm", frames: [], evidence }]
      }
    ]
  ])

describe("plain lines", () => {
  it("of a run that passes", () => {
    expect(render(passingRun)).toMatchSnapshot()
  })

  it("of a run that fails, with consoles", () => {
    expect(render(failingRun, { console: "all" })).toMatchSnapshot()
  })

  it("hold no control sequence", () => {
    assert.notMatch(render(failingRun, { console: "all" }), /(?![\t\n])\p{Cc}/u)
  })
})

const building = (text: string, done: number) =>
  ({ _tag: "ImageProgress", image: "debian:12", activity: "build", text, done, total: 3, unit: "steps" }) as const

describe("an image's progress", () => {
  const events = makeTimeline([
    [0, building("building: unpacking", 0)],
    [20_000, building("building: unpacking", 0)],
    [30_000, building("building: making the disk", 1)],
    [
      60_000,
      { _tag: "ImageProgress", image: "debian:12", activity: "verify", text: "computing the digest of the disk" }
    ],
    [70_000, { _tag: "ImageProgress", image: "debian:12", activity: "ready", text: "ready" }]
  ])

  it("is one plain line for each step", () => {
    assert.deepStrictEqual(render(events).trimEnd().split("\n"), [
      "debian:12: building: unpacking  step 1 of 3",
      "debian:12: building: making the disk  step 2 of 3",
      "debian:12: computing the digest of the disk",
      "debian:12: ready  after 1 min 10 s"
    ])
  })

  it("leaves one line on a terminal", () => {
    assert.deepStrictEqual(kept(events), ["debian:12: ready  after 1 min 10 s"])
  })
})

describe("coloured lines", () => {
  it("of a run that fails, drawn on a terminal", () => {
    expect(visible(render(failingRun, { color: true, interactive: true }))).toMatchSnapshot()
  })
})

describe("on a terminal", () => {
  it("a step that nothing happened in is one line", () => {
    const events = makeTimeline([
      [0, step("s1", "must succeed: true", { machine: "vm" })],
      [1500, finished("s1")]
    ])
    assert.deepStrictEqual(kept(events), ["vm: must succeed: true  1.50 s"])
  })

  it("a step with parts is printed around them, each indented by its depth", () => {
    const events = makeTimeline([
      [0, step("s1", "outer")],
      [1, step("s2", "middle", { parent: "s1", machine: "a" })],
      [2, step("s3", "inner", { parent: "s2", machine: "a" })],
      // Parallel to s2, and finished in between.
      [3, step("s4", "other", { parent: "s1", machine: "b" })],
      [4, finished("s3")],
      [5, finished("s4", "failed")],
      [6, finished("s2")],
      [7, finished("s1")]
    ])
    assert.deepStrictEqual(kept(events), [
      "outer",
      "  a: middle",
      "    a: inner  1.50 s",
      "  b: other  failed after 1.50 s",
      "  a: (finished: middle, in 1.50 s)",
      "(finished: outer, in 1.50 s)"
    ])
  })

  it("a boot that a subtest waits for is told apart from its own time", () => {
    const events = makeTimeline([
      [0, { _tag: "MachineStarting", machine: "vm", start: "cold", pid: 1 }],
      [1000, { _tag: "StepStarted", step: "s1", kind: "subtest", title: "page" }],
      [30_000, { _tag: "MachineReady", machine: "vm", sinceStart: 30_000 }],
      [30_001, step("s2", "true", { machine: "vm", parent: "s1" })],
      [31_501, finished("s2")],
      [31_502, { _tag: "StepFinished", step: "s1", outcome: "passed", durationMs: 30_502 }]
    ])
    assert.deepStrictEqual(kept(events), [
      "page",
      "vm: ready in 30.0 s",
      "  vm: true  1.50 s",
      "(finished: page, in 1.50 s, after 29.0 s of boot)"
    ])
  })

  it("console lines stand below the step of their machine", () => {
    const events = makeTimeline([
      [0, step("s1", "one", { machine: "a" })],
      [1, step("s2", "two", { machine: "b" })],
      [2, { _tag: "ConsoleLine", machine: "b", text: "hello" }],
      [3, finished("s1")],
      [4, finished("s2")]
    ])
    assert.deepStrictEqual(kept(events, { console: "all" }), [
      "b: two",
      "b # hello",
      "a: one  1.50 s",
      "b: (finished: two, in 1.50 s)"
    ])
  })

  it("console lines are shown while a script wants them", () => {
    const line = (text: string) => ({ _tag: "ConsoleLine", machine: "b", text }) as const
    const events = makeTimeline([
      [0, line("before")],
      [1, { _tag: "ConsolesShown", shown: true }],
      [2, line("shown")],
      [3, { _tag: "ConsolesShown", shown: false }],
      [4, line("after")]
    ])
    assert.deepStrictEqual(kept(events, { console: "failure" }), ["b # shown"])
    assert.deepStrictEqual(kept(events, { console: "all" }), ["b # before", "b # shown"])
  })

  it("nothing is written while a person types in the terminal, and nothing of it is lost", () => {
    const { report, written } = makeReport({})
    const [before, taken, meanwhile, returned] = makeTimeline([
      [0, { _tag: "Log", level: "info", text: "before" }],
      [1, { _tag: "TerminalTaken", machine: "b", taken: true }],
      [2, { _tag: "Log", level: "info", text: "meanwhile" }],
      [3, { _tag: "TerminalTaken", machine: "b", taken: false }]
    ])
    for (const event of [before, taken, meanwhile]) if (event !== undefined) report.event(event)
    report.tick(10)
    assert.strictEqual(written.join(""), "before\n")
    if (returned !== undefined) report.event(returned)
    assert.strictEqual(written.join(""), "before\nmeanwhile\n")
  })

  it("the status line tells what runs, and goes with it", () => {
    const { report, written } = makeReport({ interactive: true, width: 60 })
    for (const event of makeTimeline([
      [1000, { _tag: "MachineStarting", machine: "server", start: "cold", pid: 1 }],
      [2000, { _tag: "MachinePhaseReached", machine: "server", phase: "kernel", sinceStart: 1000 }],
      [3000, step("s1", "must succeed: a command that is much longer than the terminal is wide", { machine: "client" })]
    ])) {
      report.event(event)
    }
    report.tick(63_000)
    report.tick(63_400)
    report.end()
    expect(written.map(visible)).toMatchSnapshot()
  })

  it("downloads have a bar, with rate and rest", () => {
    const { report, written } = makeReport({ interactive: true })
    makeTimeline([
      [0, progress(0)],
      [2000, progress(20e6)],
      [10_000, progress(100e6)]
    ]).forEach(report.event)
    assert.deepStrictEqual(
      written.map((text) => /debian.*/u.exec(text)?.[0]),
      [
        "debian:12: downloading  ────────────────────────    0 %  0 B of 95 MiB",
        "debian:12: downloading  ━━━━━───────────────────   20 %  19 MiB of 95 MiB  10 MiB/s, 8 s left",
        "debian:12: downloading  ━━━━━━━━━━━━━━━━━━━━━━━━  100 %  95 MiB of 95 MiB  10 MiB/s, 0 s left"
      ]
    )
  })
})

describe("hostile guests", () => {
  const hostile = "\u001b[2J\u001b]0;owned\u0007\u001b[1;31m✗ failed\u001b[0m\u202e\u009b5A\u0008"
  const events = makeTimeline([
    [0, { _tag: "StepStarted", step: "s1", machine: "vm", kind: "command", title: `must succeed: ${hostile}` }],
    [1, { _tag: "ConsoleLine", machine: "vm", text: hostile }],
    [2, { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stderr", text: `\u001b[3` }],
    [3, { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stderr", text: `1mred${hostile}\n` }],
    [4, { _tag: "StepFinished", step: "s1", outcome: "failed", durationMs: 1, detail: hostile }],
    [5, { _tag: "Log", level: "warning", text: `${hostile}\n${hostile}`, machine: "vm" }],
    [6, { _tag: "Notice", topic: "image", text: hostile }],
    [7, { _tag: "ImageProgress", image: "debian:12", activity: "ready", text: hostile }],
    [8, { _tag: "MachineDied", machine: "vm", reason: hostile, consoleTail: [hostile] }],
    [
      9,
      {
        _tag: "RunFinished",
        verdict: "failed",
        durationMs: 9,
        failures: [
          {
            kind: "test",
            tag: "TestFailure/ScriptThrew",
            message: hostile,
            frames: [{ file: "test.ts", line: 1, column: 1, source: hostile }],
            evidence: [{ title: hostile, text: hostile }],
            hint: hostile
          }
        ]
      }
    ]
  ])

  it.each(["all", "none", "failure"] as const)("can't reach the terminal (console: %s)", (console) => {
    const text = render(events, { console })
    assert.notMatch(text, /(?![\t\n])[\p{Cc}\u202a-\u202e]|owned/u)
    assert.include(text, "✗ failed")
  })
})

describe("secrets", () => {
  it("are masked also where a chunk or a control sequence splits them", () => {
    const text = render(
      makeTimeline([
        [0, { _tag: "StepStarted", step: "s1", machine: "vm", kind: "command", title: "must succeed: login hunter2" }],
        [1, { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stderr", text: "first hun" }],
        [
          2,
          {
            _tag: "CommandOutput",
            machine: "vm",
            step: "s1",
            stream: "stderr",
            text: "ter2, then hun\u001b[1mter2, then hunt"
          }
        ],
        [3, { _tag: "StepFinished", step: "s1", outcome: "passed", durationMs: 3 }],
        [4, { _tag: "ConsoleLine", machine: "vm", text: "hun\u001b[0mter2" }]
      ]),
      { console: "all", secrets: ["hunter2"] }
    )
    assert.deepStrictEqual(text.trimEnd().split("\n"), [
      "vm: must succeed: login ***",
      "vm | first ***, then ***, then hunt",
      "vm: (finished: must succeed: login ***, in 0.00 s)",
      "vm # ***"
    ])
  })
})

describe("console: failure", () => {
  it("shows the failed machine's last lines, unless the failure has them", () => {
    assert.include(render(runWithConsoles("failed"), { console: "failure" }), "vm # before\n")
    assert.notInclude(render(runWithConsoles("failed"), { console: "failure" }), "elsewhere")
    assert.notInclude(
      render(runWithConsoles("failed", [{ title: "console", text: "x" }]), { console: "failure" }),
      "vm # before"
    )
    assert.notInclude(render(runWithConsoles("passed"), { console: "failure" }), "vm #")
  })
})

describe("followEvents", () => {
  it.effect("draws what runs while no events come, and ends with the stream", () =>
    Effect.gen(function* () {
      const { report, written } = makeReport({ interactive: true })
      const queue = yield* Queue.unbounded<Event, Cause.Done>()
      const following = yield* Effect.forkChild(followEvents({ report, events: Stream.fromQueue(queue) }))
      yield* Queue.offerAll(
        queue,
        makeTimeline([[5000, { _tag: "StepStarted", step: "s1", kind: "wait", title: "waiting" }]])
      )
      yield* TestClock.adjust("1 millis")
      yield* TestClock.adjust("3 seconds")
      assert.include(written.join(""), "0:05  waiting 0:00")
      assert.include(written.join(""), "0:08  waiting 0:03")
      yield* Queue.end(queue)
      yield* Fiber.join(following)
      assert.strictEqual(written.at(-1), "\r\u001b[1A\u001b[J")
    })
  )
})
