import * as fs from "node:fs"
import { testSpecJsonSchema } from "@nix-vm-test/core/spec/jsonSchema"
import { assert, describe, it } from "@effect/vitest"

describe("the JSON Schema of test specs", () => {
  it("is written to its file afresh (node scripts/test-spec-schema.ts)", () => {
    const file = new URL("../../schema/test-spec.schema.json", import.meta.url)
    assert.strictEqual(fs.readFileSync(file, "utf8"), testSpecJsonSchema())
  })

  it("tells editors what is required, what is allowed and what is the default", () => {
    const schema = JSON.parse(testSpecJsonSchema())
    assert.deepStrictEqual(schema.required, ["machines"])
    const machine = Object.values<{ required: unknown; properties: Record<string, { default?: unknown }> }>(
      schema.properties.machines.patternProperties
    )[0]
    assert.deepStrictEqual(machine?.required, ["image"])
    assert.strictEqual(machine?.properties["memory"]?.default, "1GiB")
    assert.strictEqual(machine?.properties["internet"]?.default, false)
    assert.strictEqual(schema.additionalProperties, false)
  })
})
