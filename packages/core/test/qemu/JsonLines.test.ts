import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { jsonLines } from "@nix-vm-test/core/qemu/JsonLines"

const reader = (longestLine = 1000) => {
  const values: Array<unknown> = []
  const errors: Array<string> = []
  const read = jsonLines({
    longestLine,
    onValue: (value) => void values.push(value),
    onError: (detail) => void errors.push(detail)
  })
  return { values, errors, read, readText: (text: string) => read(Buffer.from(text)) }
}

describe("jsonLines", () => {
  it.prop(
    "gives the values in order, however the bytes are cut",
    [
      Schema.Array(Schema.Struct({ text: Schema.String, flag: Schema.Boolean })),
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 7 })))
    ],
    ([sent, cuts]) => {
      const bytes = Buffer.from(sent.map((value) => `${JSON.stringify(value)}\r\n`).join(""))
      const { values, errors, read } = reader(1_000_000)
      let from = 0
      for (const cut of cuts) {
        read(bytes.subarray(from, from + cut))
        from += cut
      }
      read(bytes.subarray(from))
      assert.deepStrictEqual(values, [...sent])
      assert.deepStrictEqual(errors, [])
    }
  )
  it("skips empty lines and keeps an unfinished one", () => {
    const { values, readText } = reader()
    readText("\n\r\n1\n\n2")
    assert.deepStrictEqual(values, [1])
    readText("3\n")
    assert.deepStrictEqual(values, [1, 23])
  })
  it("a line of the longest length passes, one byte more does not, before its end is there", () => {
    const fits = reader(10)
    fits.readText(`${"1".repeat(10)}\n`)
    assert.deepStrictEqual(fits.values, [1111111111])
    const tooLong = reader(10)
    for (let byte = 0; byte < 11; byte++) tooLong.readText("1")
    assert.deepStrictEqual(tooLong.errors, ["a line of more than 10 bytes"])
  })
  it("nothing is read after an error", () => {
    const { values, errors, readText } = reader()
    readText("1\nno json\n2\n")
    readText("3\n")
    assert.deepStrictEqual(values, [1])
    assert.deepStrictEqual(errors, ["a line that is no JSON: no json"])
  })
})
