import * as fs from "node:fs/promises"
import * as path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { runNode } from "../runNode.ts"

// Beside this file, as TypeScript scripts are checked with the packages that their folder has.
let folder = ""
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(import.meta.dirname, ".scripts-"))
})
afterAll(() => fs.rm(folder, { recursive: true }))

const write = async (name: string, text: string): Promise<string> => {
  const file = path.join(folder, name)
  await fs.writeFile(file, text)
  return file
}

const check = async (...args: ReadonlyArray<string>) => {
  const { exitCode, stdout, stderr } = await runNode({ script: "../src/main.ts", args: ["check", ...args] })
  return { exitCode, found: stdout.replaceAll(`${folder}/`, "").split("\n").filter(Boolean), stderr }
}

const specOf = (python: string, more: object = {}): string =>
  JSON.stringify({
    machines: { server: { image: "debian:12" }, "my-client": { image: "debian:12" } },
    script: { python },
    ...more
  })

const limitMs = 120_000

describe("check of Python", { timeout: limitMs }, () => {
  it("knows the machines of the spec and all that a script is given", async () => {
    const script = [
      "start_all()",
      'out: str = server.succeed("true", timeout=3) + my_client.succeed("true")',
      "t.assertEqual(out, '')",
      'with subtest("x"):',
      "    machines[0].wait_for_unit('x')"
    ].join("\n")
    const { exitCode, found, stderr } = await check(await write("good.json", specOf(script)))
    assert.deepStrictEqual([exitCode, found], [0, []])
    assert.include(stderr, "good.json: nothing found")
  })

  it("finds unknown names, misspelt methods and wrong arguments, at their places", async () => {
    const script = "import sys\nserver.suceed('true')\nclient.succeed('true')\nserver.succeed(3)\n"
    const { exitCode, found } = await check(await write("bad.json", specOf(script)))
    assert.strictEqual(exitCode, 1)
    assert.match(found.join("\n"), /^<script>:1:1: 'sys' imported but unused \(pyflakes\)$/mu)
    assert.match(found.join("\n"), /^<script>:2:1: "Machine" has no attribute "suceed".*\(mypy\)$/mu)
    assert.match(found.join("\n"), /^<script>:3:1: undefined name 'client' \(pyflakes\)$/mu)
    assert.match(found.join("\n"), /^<script>:4:16: Argument 1 to "succeed".*\(mypy\)$/mu)
  })

  it("tells a syntax error once", async () => {
    const { exitCode, found } = await check(await write("syntax.py", "x = 1\nif x\n"))
    assert.strictEqual(exitCode, 1)
    assert.match(found.join("\n"), /^syntax\.py:2:\d+: .*\(python\)$/u)
  })

  it("skips what the test skips, and says so", async () => {
    const spec = specOf("import sys\nserver.suceed('true')\n", { skipLint: true, skipTypeCheck: true })
    const { exitCode, found, stderr } = await check(await write("skipping.json", spec))
    assert.deepStrictEqual([exitCode, found], [0, []])
    assert.match(stderr, /lint: the test skips it[\s\S]*types: the test skips it/u)
  })

  it("names what is not installed", async () => {
    const python = await write("bare-python", '#!/bin/sh\nPATH=/nonexistent exec /usr/bin/python3 -S "$@"\n')
    await fs.chmod(python, 0o755)
    const script = await write("plain.py", "import sys\n")
    const { exitCode, stderr } = await check("--python", python, script)
    assert.strictEqual(exitCode, 0)
    assert.match(stderr, /pyflakes is not installed[\s\S]*mypy is not installed/u)
  })

  it("takes the names of machines where there is no spec", async () => {
    const script = await write("alone.py", "server.succeed('true')\nclient.succeed('true')\n")
    assert.lengthOf((await check("--machine", "server", "--machine", "client", script)).found, 0)
    assert.isNotEmpty((await check(script)).found)
  })
})

describe("check of TypeScript", { timeout: limitMs }, () => {
  const test = (call: string): string =>
    [
      'import { defineTest } from "@nix-vm-test/core"',
      "export default defineTest({",
      '  machines: { server: { image: "debian:12" } },',
      `  async script({ server }) { await server.${call} }`,
      "})"
    ].join("\n")

  it("passes a right script and finds a misspelt method", async () => {
    const good = await check(await write("good.ts", test('succeed("true")')))
    assert.deepStrictEqual([good.exitCode, good.found], [0, []])
    const bad = await check(await write("bad.ts", test('suceed("true")')))
    assert.strictEqual(bad.exitCode, 1)
    assert.match(bad.found.join("\n"), /^bad\.ts:4:43: TS2551: Property 'suceed'.*\(tsc\)$/mu)
  })

  it("tells the place of a syntax error", async () => {
    const { exitCode, found } = await check(await write("syntax.ts", "const x = ;\n"))
    assert.strictEqual(exitCode, 1)
    assert.match(found.join("\n"), /^syntax\.ts:1:1\d: SyntaxError.*/u)
  })
})
