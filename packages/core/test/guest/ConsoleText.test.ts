import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { ConsoleText } from "@nix-vm-test/core/guest/ConsoleText"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const consoleOf = (text: string, maxCharacters = 1e6): ConsoleText => {
  const console = new ConsoleText(maxCharacters)
  console.push(bytes(text))
  return console
}

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Line = Schema.String.check(Schema.isPattern(/^[a-zäöü€ \r]{0,9}$/u))

describe("ConsoleText", () => {
  it.prop("gives the same lines however the bytes are cut", [Schema.Array(Line), int(1, 7)], ([lines, size]) => {
    const whole = bytes(lines.map((line) => `${line}\n`).join(""))
    const console = new ConsoleText(1e6)
    const seen: Array<string> = []
    for (let at = 0; at < whole.length; at += size) {
      seen.push(...console.push(whole.subarray(at, at + size)).map((line) => line.text))
    }
    assert.deepStrictEqual(
      seen,
      lines.map((line) => line.replaceAll("\r", ""))
    )
    assert.strictEqual(console.text(), [...seen, ""].join("\n"))
  })

  it("shows the line being written, which is no complete line yet", () => {
    const console = consoleOf("one\r\ntwo\r\ndebian login: ")
    assert.deepStrictEqual(
      console.lines().map((line) => line.text),
      ["one", "two"]
    )
    assert.deepStrictEqual(console.tail(2), ["two", "debian login: "])
    assert.deepStrictEqual(console.tail(0), [])
    assert.strictEqual(console.text(), "one\ntwo\ndebian login: ")
    assert.deepStrictEqual(
      console.finish().map((line) => line.text),
      ["debian login: "]
    )
    assert.deepStrictEqual(console.tail(1), ["debian login: "])
  })

  it("drops the oldest lines beyond its limit, and cuts lines without an end", () => {
    const console = consoleOf(Array.from({ length: 1000 }, (_, index) => `line ${index}\n`).join(""), 500)
    assert.isAtMost(console.text().length, 600)
    assert.deepStrictEqual(console.tail(1), ["line 999"])
    assert.isUndefined(console.match(/line 10\n/))
    const endless = consoleOf("x".repeat(200_000))
    assert.deepStrictEqual(
      endless.lines().map((line) => line.text.length),
      [65_536, 65_536, 65_536]
    )
  })
})

describe("ConsoleText.match", () => {
  it("finds each text once, in order", () => {
    const console = consoleOf("boot a\nboot b\n")
    assert.strictEqual(console.match(/boot (\w)/)?.[1], "a")
    assert.strictEqual(console.match(/boot (\w)/)?.[1], "b")
    assert.isUndefined(console.match(/boot (\w)/))
    console.push(bytes("boot c\n"))
    assert.strictEqual(console.match(/boot (\w)/g)?.[1], "c")
  })

  it("finds a prompt in the line being written, and only once", () => {
    const console = consoleOf("debian login: ")
    assert.isDefined(console.match(/login: $/))
    assert.isUndefined(console.match(/login/))
    console.push(bytes("root\nPassword: "))
    assert.isUndefined(console.match(/login/))
    assert.strictEqual(console.match(/^root$/m)?.[0], "root")
    assert.isDefined(console.match(/Password/))
  })

  it("spans lines, and finds what a terminal wrapped", () => {
    assert.isDefined(consoleOf("start\nmiddle\nend\n").match(/start\n.*\nend/))
    const wrapped = consoleOf("Reached target multi-\r\nuser.target\nnext\n")
    assert.isDefined(wrapped.match(/multi-user\.target/))
    assert.strictEqual(wrapped.match(/\w+/)?.[0], "next")
    const cut = consoleOf("ab\ncd")
    assert.isDefined(cut.match(/bc/))
    assert.strictEqual(cut.match(/.+/)?.[0], "d")
  })

  it("does not count colours", () => {
    assert.isDefined(consoleOf("[\u001b[0;32m  OK  \u001b[0m] Reached\r\n").match(/\[ {2}OK {2}\] Reached$/m))
  })

  it.prop(
    "consumes all words of a text, one after the other, wherever lines break",
    [Schema.Array(int(0, 3)), int(1, 6)],
    ([breaks, size]) => {
      const words = breaks.map((_, index) => `<${index}>`)
      const text = words.map((word, index) => word + "\n".repeat(breaks[index] ?? 0)).join("")
      const console = new ConsoleText(1e6)
      const found: Array<string> = []
      for (let at = 0; at < text.length; at += size) {
        console.push(bytes(text.slice(at, at + size)))
        for (let match = console.match(/<\d+>/); match !== undefined; match = console.match(/<\d+>/)) {
          found.push(match[0])
        }
      }
      assert.deepStrictEqual(found, words)
    }
  )
})
