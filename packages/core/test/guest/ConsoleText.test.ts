import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Effect from "effect/Effect"
import { ConsoleText } from "@nix-vm-test/core/guest/ConsoleText"
import { regExpMatcher } from "@nix-vm-test/core/guest/TextMatcher"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const consoleOf = (text: string, maxCharacters = 1e6): ConsoleText => {
  const console = new ConsoleText(maxCharacters)
  console.push(bytes(text))
  return console
}

/** The text that a search finds, and consumes. */
const take = (console: ConsoleText, pattern: RegExp): string | undefined =>
  Effect.runSync(console.take(regExpMatcher(pattern)))?.text

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
    assert.isUndefined(take(console, /line 10\n/))
    const endless = consoleOf("x".repeat(200_000))
    assert.deepStrictEqual(
      endless.lines().map((line) => line.text.length),
      [65_536, 65_536, 65_536]
    )
  })
})

describe("ConsoleText.take", () => {
  it("finds each text once, in order", () => {
    const console = consoleOf("boot a\nboot b\n")
    assert.strictEqual(take(console, /boot (\w)/), "boot a")
    assert.strictEqual(take(console, /boot (\w)/), "boot b")
    assert.isUndefined(take(console, /boot (\w)/))
    console.push(bytes("boot c\n"))
    assert.strictEqual(take(console, /boot (\w)/g), "boot c")
  })

  it("finds a prompt in the line being written, and only once", () => {
    const console = consoleOf("debian login: ")
    assert.isDefined(take(console, /login: $/))
    assert.isUndefined(take(console, /login/))
    console.push(bytes("root\nPassword: "))
    assert.isUndefined(take(console, /login/))
    assert.strictEqual(take(console, /^root$/m), "root")
    assert.isDefined(take(console, /Password/))
  })

  it("spans lines, and finds what a terminal wrapped", () => {
    assert.isDefined(take(consoleOf("start\nmiddle\nend\n"), /start\n.*\nend/))
    const wrapped = consoleOf("Reached target multi-\r\nuser.target\nnext\n")
    assert.isDefined(take(wrapped, /multi-user\.target/))
    assert.strictEqual(take(wrapped, /\w+/), "next")
    const cut = consoleOf("ab\ncd")
    assert.isDefined(take(cut, /bc/))
    assert.strictEqual(take(cut, /.+/), "d")
  })

  it("does not count colours", () => {
    assert.isDefined(take(consoleOf("[\u001b[0;32m  OK  \u001b[0m] Reached\r\n"), /\[ {2}OK {2}\] Reached$/m))
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
        for (let match = take(console, /<\d+>/); match !== undefined; match = take(console, /<\d+>/)) {
          found.push(match)
        }
      }
      assert.deepStrictEqual(found, words)
    }
  )
})
