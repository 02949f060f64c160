import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { test as base } from "vitest"
import { buildScript } from "./support/AgentUnderTest.ts"

const test = base.extend<{ folder: string }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the needed fixtures from the pattern
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "nvt-build-"))
    await use(folder)
    rmSync(folder, { recursive: true, force: true })
  }
})

describe("build.sh", () => {
  test("gives the same bytes from another folder, to another name, at another time", ({ folder }) => {
    const copy = join(folder, "a copy")
    for (const part of ["build.sh", "package.json", "c"])
      cpSync(join(dirname(buildScript), part), join(copy, part), { recursive: true })
    execFileSync(buildScript, [join(folder, "first")], { cwd: folder })
    execFileSync(join(copy, "build.sh"), [join(folder, "deep/second")], {
      cwd: "/",
      env: { ...process.env, LC_ALL: "C.UTF-8", TZ: "Asia/Tokyo" }
    })
    assert.isTrue(readFileSync(join(folder, "first")).equals(readFileSync(join(folder, "deep/second"))))
  })

  test("a small static program without a trace of where it was built", ({ folder }) => {
    const program = join(folder, "agent")
    execFileSync(buildScript, [program])
    const bytes = readFileSync(program)
    assert.isBelow(bytes.length, 128 * 1024)
    assert.isFalse(bytes.includes(folder) || bytes.includes(dirname(buildScript)))
    // PT_INTERP (3) would name a dynamic loader.
    const [offset, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)]
    const types = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(offset + index * size))
    assert.isFalse(types.includes(3))
  })

  test("says what is wrong with its arguments, and ends with 2", ({ folder }) => {
    const program = join(folder, "agent")
    execFileSync(buildScript, [program])
    for (const wrong of [[], ["--nope"], ["a", "b"], ["--port-name"], ["--port-name", "a", "b"]]) {
      const script = `"$@" 2>&1; echo $?`
      assert.match(
        execFileSync("sh", ["-c", script, "sh", program, ...wrong], { encoding: "utf8" }),
        /^usage: [^]*\n2\n$/u
      )
    }
  })
})
