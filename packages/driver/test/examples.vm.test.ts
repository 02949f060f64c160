import { assert, describe, it } from "@effect/vitest"
import { runNode } from "./runNode.ts"

const examples = "../../../examples"

describe("examples", () => {
  it.each([
    ["first-test/first-test.json"],
    ["first-test/first-test.ts"],
    ["service/service.json"],
    ["service/service.ts"],
    ["hello/hello.ts"]
  ])("%s passes", async (file) => {
    const path = new URL(`${examples}/${file}`, import.meta.url).pathname
    const { exitCode, stdout, stderr } = await runNode({ script: "../src/main.ts", args: ["run", path] })
    assert.strictEqual(exitCode, 0, stdout + stderr)
  })

  it("a program without a test runner gets what the guest serves", async () => {
    const { exitCode, stdout, stderr } = await runNode({ script: `${examples}/library/library.ts` })
    assert.strictEqual(exitCode, 0, stdout + stderr)
    assert.include(stdout, "bookworm")
  })
})
