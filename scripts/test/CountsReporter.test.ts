import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"

const root = join(import.meta.dirname, "../..")
const vitest = join(root, "node_modules/vitest/vitest.mjs")

// Inside of the repository, where vitest is found; out of the include patterns of its own tests.
let folder = ""
beforeEach(() => {
  mkdirSync(join(root, ".cache"), { recursive: true })
  folder = mkdtempSync(join(root, ".cache/counts-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const runTests = (files: Readonly<Record<string, string>>) => {
  const reporter = JSON.stringify(join(import.meta.dirname, "../CountsReporter.ts"))
  const config = `import { CountsReporter } from ${reporter}\nexport default { test: { reporters: ["default", new CountsReporter()] } }`
  const sources = { "vitest.config.mjs": config, ...files }
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text)
  const { status, stdout } = spawnSync(process.execPath, [vitest, "run", "--root", folder], { encoding: "utf8" })
  return { status, lastLine: stdout.trimEnd().split("\n").at(-1) }
}

const test = (body: string): string => `import { describe, expect, it } from "vitest"\n${body}`

describe("CountsReporter", () => {
  it("counts what passed", () => {
    const passing = test(`it("a", () => {}); it("b", () => {})`)
    assert.deepStrictEqual(runTests({ "a.test.js": passing }), { status: 0, lastLine: "2 passed, 0 failed" })
  })

  it("counts failed and skipped tests of several files", () => {
    const one = test(`it("a", () => {}); it("b", () => expect(1).toBe(2)); it.skip("c", () => {})`)
    const other = test(`describe("d", () => { it("e", () => { throw new Error() }) })`)
    assert.deepStrictEqual(runTests({ "a.test.js": one, "b.test.js": other }), {
      status: 1,
      lastLine: "1 passed, 2 failed, 1 skipped"
    })
  })

  it("counts a file that can't be loaded, and a rejection nobody handled", () => {
    const broken = `import "./missing.js"`
    const rejecting = test(
      `it("a", async () => { Promise.reject(new Error("lost")); await new Promise(setImmediate) })`
    )
    assert.deepStrictEqual(runTests({ "a.test.js": broken, "b.test.js": rejecting }), {
      status: 1,
      lastLine: "1 passed, 2 failed"
    })
  })

  it("counts nothing, and fails, where there are no tests", () => {
    assert.deepStrictEqual(runTests({}), { status: 1, lastLine: "0 passed, 0 failed" })
  })
})
