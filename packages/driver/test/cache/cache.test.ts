/** The command as users call it, on a cache of the test's own. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Workplace } from "../faults/Workplace.ts"

const mebibyte = 1024 ** 2

let place: Workplace
let cache: string
beforeEach(() => {
  place = new Workplace()
  cache = path.join(place.folder, "cache")
  fs.mkdirSync(path.join(cache, "images"), { recursive: true })
  for (const [name, day] of [
    ["sha256-old", "2026-01-01"],
    ["sha256-new", "2026-01-02"]
  ] as const) {
    fs.writeFileSync(path.join(cache, `images/${name}.qcow2`), new Uint8Array(2 * mebibyte))
    fs.writeFileSync(path.join(cache, `images/${name}.json`), "{}")
    fs.utimesSync(path.join(cache, `images/${name}.json`), new Date(day), new Date(day))
  }
})
afterEach(() => place.remove())

const run = (...args: ReadonlyArray<string>) => place.run(["cache", ...args], { env: { NIX_VM_TEST_CACHE: cache } })

describe("nix-vm-test cache", () => {
  it("ls lists what there is, for people and for programs", async () => {
    const table = await run("ls")
    assert.strictEqual(table.exitCode, 0, table.stderr)
    assert.match(table.stdout, /^image +3 MiB +2026-01-0[12] \d\d:\d\d +sha256-old$/mu)
    assert.match(table.stdout, /^total +5 MiB$/mu)
    const { entries, root } = JSON.parse((await run("ls", "--json")).stdout)
    assert.strictEqual(root, cache)
    assert.lengthOf(entries, 2)
    assert.deepInclude(entries[0], { kind: "image", inUse: false })
  })

  it("gc removes what was not used for longest until the rest fits", async () => {
    assert.match((await run("gc")).stdout, /^nothing to remove: 5 MiB stay\n$/u)
    const { exitCode, stdout } = await run("gc", "--max-size", "3MiB")
    assert.strictEqual(exitCode, 0)
    assert.match(stdout, /sha256-old/u)
    assert.match(stdout, /removed; 3 MiB stay\n$/u)
    assert.sameMembers(fs.readdirSync(path.join(cache, "images")), ["sha256-new.json", "sha256-new.qcow2"])
    const { removed, kept } = JSON.parse((await run("gc", "--all", "--json")).stdout)
    assert.deepStrictEqual([removed.length, kept], [1, []])
    assert.deepStrictEqual(fs.readdirSync(path.join(cache, "images")), [])
    assert.strictEqual((await run("ls")).stdout, `nothing in ${cache}\n`)
  })

  it("gc says what is wrong with a size, and removes nothing", async () => {
    const { exitCode, stderr } = await run("gc", "--max-size", "plenty")
    assert.strictEqual(exitCode, 64)
    assert.include(stderr, "--max-size plenty: expected a size such as 20GiB")
    assert.lengthOf(fs.readdirSync(path.join(cache, "images")), 4)
  })
})
