import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lock-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A process that does `body` under the lock. */
const underLock = (body: string): ChildProcess => {
  const code = `
    import { appendFileSync, existsSync } from "node:fs"
    import { withLock } from ${JSON.stringify(new URL("../setup/lock.mjs", import.meta.url).href)}
    await withLock("lock", async () => { ${body} })`
  return spawn(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"]
  })
}

const ended = async (child: ChildProcess): Promise<unknown> => (await once(child, "exit"))[0]

describe("withLock", () => {
  it("lets one process in at a time", async () => {
    const body = `
      if (existsSync("inside") ) process.exit(9)
      const { mkdirSync, rmdirSync } = await import("node:fs")
      mkdirSync("inside")
      appendFileSync("log", "x")
      await new Promise((resolve) => setTimeout(resolve, 50))
      rmdirSync("inside")`
    const children = Array.from({ length: 4 }, () => underLock(body))
    assert.deepStrictEqual(await Promise.all(children.map(ended)), [0, 0, 0, 0])
    assert.strictEqual(readFileSync(join(folder, "log"), "utf8"), "xxxx")
  })

  it("is free again when its holder was killed", async () => {
    const holder = underLock(`console.log("held"); await new Promise((resolve) => setTimeout(resolve, 600_000))`)
    if (holder.stdout !== null) await once(holder.stdout, "data")
    holder.kill("SIGKILL")
    assert.strictEqual(await ended(underLock(`appendFileSync("log", "next")`)), 0)
    assert.strictEqual(readFileSync(join(folder, "log"), "utf8"), "next")
  })
})
