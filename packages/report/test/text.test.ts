import { formatDuration } from "@nix-vm-test/report/formatDuration"
import { makeLineAssembler } from "@nix-vm-test/report/LineAssembler"
import { stripControl, stripLines } from "@nix-vm-test/report/stripControl"
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

describe("stripControl", () => {
  it.each([
    ["plain\ttext, ünïcode 漢字 👍", "plain\ttext, ünïcode 漢字 👍"],
    ["\u001b[0;32m  OK  \u001b[0m] Started", "  OK  ] Started"],
    ["\u001b[2J\u001b[1;1Hcleared", "cleared"],
    ["\u001b]0;a window's title\u0007after", "after"],
    ["\u001b]8;;https://evil.example/\u001b\\link\u001b]8;;\u001b\\", "link"],
    ["\u001bP+q544e\u001b\\answer", "answer"],
    ["\u009b31mC1\u009d0;title\u009c", "C1"],
    ["\u001b]0;never ended", ""],
    ["cut off \u001b[3", "cut off "],
    ["\u001bc\u001b(0reset", "reset"],
    ["bell\u0007 back\u0008\u0008 null\u0000", "bell back null"],
    ["10 %\r20 %\r30 %\r", "30 %"],
    ["\u202egnp.exe\u202c \u2066x\u2069", "gnp.exe x"]
  ])("%j becomes %j", (text, expected) => {
    assert.strictEqual(stripControl(text), expected)
  })

  it.prop("nothing that a terminal acts upon is left", [Schema.String, Schema.String, Schema.String], ([a, b, c]) => {
    const hostile = `${a}\u001b[${b}\u001b]${c}\u009b\u0007${a}`
    for (const line of stripLines(hostile)) {
      assert.notMatch(line, /(?!\t)[\p{Cc}\u2028-\u202e\u2066-\u2069]/u)
    }
  })

  it("takes a text's last line end for no line", () => {
    assert.deepStrictEqual(stripLines("a\r\n\r\nb\n"), ["a", "", "b"])
    assert.deepStrictEqual(stripLines(""), [])
  })
})

describe("formatDuration", () => {
  it.each([
    [0, "0.00 s"],
    [-5, "0.00 s"],
    [20, "0.02 s"],
    [9_994, "9.99 s"],
    [14_150, "14.2 s"],
    [59_940, "59.9 s"],
    [59_960, "1 min 00 s"],
    [65_400, "1 min 05 s"],
    [3_599_600, "1 h 00 min"],
    [7_380_000, "2 h 03 min"]
  ])("%d ms is %s", (milliseconds, expected) => {
    assert.strictEqual(formatDuration(milliseconds), expected)
  })
})

describe("LineAssembler", () => {
  it.prop(
    "gives the lines of the whole text, however it was cut",
    [Schema.String, Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })))],
    ([text, sizes]) => {
      const lines = makeLineAssembler()
      const found: Array<string> = []
      let rest = text
      for (const size of sizes) {
        found.push(...lines.push("s", rest.slice(0, size)))
        rest = rest.slice(size)
      }
      found.push(...lines.push("s", rest), ...lines.end("s"))
      const expected = text.split("\n")
      assert.deepStrictEqual(found, expected.at(-1) === "" ? expected.slice(0, -1) : expected)
    }
  )

  it("keeps streams apart, and does not wait for ever for a line's end", () => {
    const lines = makeLineAssembler()
    assert.deepStrictEqual(lines.push("a", "one"), [])
    assert.deepStrictEqual(lines.push("b", "x\ny"), ["x"])
    assert.deepStrictEqual(lines.push("a", " line\n"), ["one line"])
    assert.strictEqual(lines.push("b", "z".repeat(20_000))[0]?.length, 20_001)
    assert.deepStrictEqual(lines.end("b"), [])
  })
})
