import type { Event } from "@nix-vm-test/core/events/Event"
import { makeEventMask } from "@nix-vm-test/report/maskEvents"
import { makeSecretMask } from "@nix-vm-test/report/SecretMask"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { makeTimeline } from "./exampleRuns.ts"

/** Two letters, so that secrets, their parts and overlaps of them really occur. */
const letters = Schema.String.check(Schema.isPattern(/^[ab]{12,24}$/u))
const secret = Schema.String.check(Schema.isPattern(/^[ab]{2,4}$/u))
const sizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 }))).check(Schema.isMinLength(6))

describe("SecretMask", () => {
  it.each([
    [["hunter2"], "my hunter2!", "my ***!"],
    [["abc", "abcdef"], "abcdef abc", "*** ***"],
    [["a.c"], "abc a.c", "abc ***"],
    [["line one\nline two"], "so: line two", "so: ***"],
    [["", " ", "\n"], "a b", "a b"],
    [["$&"], "x$&y", "x***y"],
    [[], "nothing", "nothing"]
  ])("%j in %j", (secrets, text, expected) => {
    assert.strictEqual(makeSecretMask(secrets).whole(text), expected)
  })

  it.prop(
    "masks a stream as it masks the whole, however it is cut",
    [Schema.NonEmptyArray(secret), letters, sizes],
    ([secrets, text, cuts]) => {
      const mask = makeSecretMask(secrets)
      const stream = mask.stream()
      let rest = text
      let masked = ""
      for (const size of cuts) {
        masked += stream.push(rest.slice(0, size))
        rest = rest.slice(size)
      }
      masked += stream.push(rest) + stream.end()
      assert.strictEqual(masked, mask.whole(text))
    }
  )

  it("gives away nothing of a secret before it is known to be none", () => {
    const stream = makeSecretMask(["hunter2"]).stream()
    assert.deepStrictEqual(
      [stream.push("the hunt"), stream.push("er"), stream.push("2"), stream.push(" hunt"), stream.end()],
      ["the ", "", "***", " ", "hunt"]
    )
  })
})

const maskAll = (secrets: ReadonlyArray<string>, events: ReadonlyArray<Event>): ReadonlyArray<Event> =>
  events.flatMap(makeEventMask(secrets))

describe("the events' mask", () => {
  it("finds secrets in every text, and numbers events anew", () => {
    const secretText = "hunter2"
    const events = makeTimeline([
      [0, { _tag: "StepStarted", step: "s1", machine: "vm", kind: "command", title: "must succeed: login hunter2" }],
      [1, { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stdout", text: "password: hun" }],
      [
        2,
        { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stderr", text: "ter2 is no secret here, hunte" }
      ],
      [3, { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stdout", text: "ter2\nhunt" }],
      [4, { _tag: "StepFinished", step: "s1", outcome: "failed", durationMs: 4, detail: "no hunter2" }],
      [5, { _tag: "ConsoleLine", machine: "vm", text: "hun\u001b[0mter2" }],
      [6, { _tag: "Log", level: "info", text: "hunter2" }],
      [7, { _tag: "Notice", topic: "host", text: "hunter2" }],
      [8, { _tag: "ImageProgress", image: "x", activity: "download", text: "from http://me:hunter2@host/" }],
      [9, { _tag: "MachineDied", machine: "vm", reason: "hunter2", consoleTail: ["hunter2"] }],
      [10, { _tag: "MachineStopped", machine: "vm", how: "hunter2" }],
      [11, { _tag: "ArtifactSaved", path: "hunter2.log", kind: "log" }],
      [
        12,
        {
          _tag: "RunFinished",
          verdict: "failed",
          durationMs: 12,
          failures: [
            {
              kind: "test",
              tag: "TestFailure/CommandFailed",
              message: "hunter2",
              frames: [{ file: "t.ts", line: 1, column: 1, source: `login("hunter2")` }],
              evidence: [{ title: "stdout", text: "a\nhunter2\nb" }],
              hint: "try hunter2"
            }
          ]
        }
      ]
    ])
    const masked = maskAll([secretText], events)
    assert.notInclude(JSON.stringify(masked.filter(({ _tag }) => _tag !== "CommandOutput")), secretText)
    assert.deepStrictEqual(
      masked.flatMap((event) => (event._tag === "CommandOutput" ? [`${event.stream} ${event.text}`] : [])),
      ["stdout password: ", "stderr ter2 is no secret here, ", "stdout ***\n", "stdout hunt", "stderr hunte"]
    )
    assert.deepStrictEqual(
      masked.map(({ sequence }) => sequence),
      masked.map((_, index) => index)
    )
    assert.strictEqual(masked.at(-1)?._tag, "RunFinished")
  })

  it.each([
    ["hun\u001b[1mter2\n", 5],
    ["hun\u001b]0;title\u0007ter2\n", 9],
    [`hun\u001b]0;${"x".repeat(1000)}\u001b\\ter2\n`, 700],
    ["hu\u009b31mnt\u001b(Ber2\n", 4]
  ])("finds a secret in output that control sequences split, wherever it is cut: %j", (text, size) => {
    const cuts = [...Array.from({ length: size }, (_, at) => [text.slice(0, at), text.slice(at)]), Array.from(text)]
    for (const pieces of cuts) {
      const masked = maskAll(
        ["hunter2"],
        makeTimeline([
          ...pieces.map(
            (piece, at) =>
              [at, { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stdout", text: piece }] as const
          ),
          [2000, { _tag: "StepFinished", step: "s1", outcome: "passed", durationMs: 1 }]
        ])
      )
      const output = masked.map((event) => (event._tag === "CommandOutput" ? event.text : "")).join("")
      assert.strictEqual(output, "***\n")
    }
  })

  it("changes nothing without secrets", () => {
    const events = makeTimeline([[5, { _tag: "ConsoleLine", machine: "vm", text: "\u001b[31mred\u001b[0m\r" }]])
    assert.deepStrictEqual(maskAll([], events), events)
  })
})
