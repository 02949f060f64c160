import { assert, describe, it } from "@effect/vitest"
import { makeEscapeKeys } from "@nix-vm-test/core/host/escapeKeys"

const key = (text: string) => new TextEncoder().encode(text)
const ctrlBracket = "\u001d"

describe("the way out of a shell", () => {
  it.each([
    ["three in one piece", [[0, ctrlBracket.repeat(3)]], true],
    [
      "one after the other",
      [
        [0, ctrlBracket],
        [400, ctrlBracket],
        [900, ctrlBracket]
      ],
      true
    ],
    [
      "too slow",
      [
        [0, ctrlBracket],
        [600, ctrlBracket],
        [1200, ctrlBracket]
      ],
      false
    ],
    ["something between", [[0, `${ctrlBracket}${ctrlBracket}x${ctrlBracket}`]], false],
    [
      "at last quick enough",
      [
        [0, ctrlBracket],
        [900, ctrlBracket],
        [1200, ctrlBracket],
        [1300, ctrlBracket]
      ],
      true
    ]
  ] as const)("%s", (_, pieces, expected) => {
    const isEscape = makeEscapeKeys()
    assert.strictEqual(
      pieces.some(([time, text]) => isEscape(key(text), time)),
      expected
    )
  })
})
