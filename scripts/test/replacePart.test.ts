import { assert, describe, it } from "@effect/vitest"
import { replacePart } from "../replacePart.ts"

const page = "before\n<!-- generated: a -->\nold\n<!-- end: a -->\nafter\n"

describe("replacePart", () => {
  it("replaces what is between the comments, as often as one likes", () => {
    const once = replacePart({ page, name: "a", content: "new" })
    assert.strictEqual(once, "before\n<!-- generated: a -->\nnew\n<!-- end: a -->\nafter\n")
    assert.strictEqual(replacePart({ page: once, name: "a", content: "new" }), once)
  })

  it.each(["b", ""])("refuses a page that has no part %j", (name) =>
    assert.throws(() => replacePart({ page, name, content: "new" }), /no part between/u)
  )
})
