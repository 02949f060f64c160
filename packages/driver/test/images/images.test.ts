/** The command as users call it, on a cache of the test's own. */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { settleSteps } from "@nix-vm-test/core/machine/settleScript"
import { resolveReference } from "@nix-vm-test/distributions/Catalog"
import * as Effect from "effect/Effect"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { type CommandOptions, Workplace } from "../faults/Workplace.ts"

let place: Workplace
let cache: string
beforeEach(() => {
  place = new Workplace()
  cache = path.join(place.folder, "cache")
})
afterEach(() => place.remove())

const images = (args: ReadonlyArray<string>, options: CommandOptions = {}) =>
  place.run(["images", ...args], { ...options, env: { NIX_VM_TEST_CACHE: cache, ...options.env } })

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex")

/** A disk that no guest could start from, but that is one for the store. */
const makeDisk = (name = "disk.qcow2") => {
  const file = path.join(place.folder, name)
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", file, "16M"])
  execFileSync("qemu-io", ["-c", "write -q -P 7 0 1M", file])
  return { file, hex: sha256(fs.readFileSync(file)) }
}

const filesIn = (part: string): ReadonlyArray<string> => fs.readdirSync(path.join(cache, part)).toSorted()

const importOwn = async () => {
  const disk = makeDisk()
  const facts = ["--family", "debian", "--version", "12", "--digest", `sha256:${disk.hex}`]
  const imported = await images(["import", "--name", "own:1", ...facts, disk.file])
  assert.strictEqual(imported.exitCode, 0, imported.stderr)
  return { ...disk, stored: path.join(cache, "images", `sha256-${disk.hex}.qcow2`) }
}

describe("nix-vm-test images", () => {
  it("list names what there is, for people and for programs", async () => {
    const table = await images(["list"])
    assert.strictEqual(table.exitCode, 0, table.stderr)
    assert.match(table.stdout, /^debian:12 +\S.* not fetched +until 2028-06-30$/mu)
    assert.match(table.stdout, /^debian:11 .* ended 2026-08-31$/mu)
    const listed: ReadonlyArray<{ readonly name: string; readonly state: string; readonly endOfLife?: string }> =
      JSON.parse((await images(["list", "--json"])).stdout)
    const trixie = listed.find(({ name }) => name === "debian:13")
    assert.deepStrictEqual([trixie?.state, trixie?.endOfLife], ["absent", "2030-06-30"])
  })

  it("import copies a disk under a name that tests and the other commands know, until it is forgotten", async () => {
    const { file, hex, stored } = await importOwn()
    assert.isTrue(fs.readFileSync(stored).equals(fs.readFileSync(file)))
    assert.strictEqual(fs.statSync(stored).mode & 0o777, 0o444)
    fs.rmSync(file)

    assert.match((await images(["list"])).stdout, /^own:1 +\d+ MiB  imported$/mu)
    const [fetched] = JSON.parse((await images(["fetch", "own:1", "--json"])).stdout)
    assert.deepInclude(fetched, { name: "own:1", path: stored, key: `sha256-${hex}` })
    const test = `import { defineTest } from "@nix-vm-test/core"
      export default defineTest({ machines: { vm: { image: "own:1", diskSize: "1MiB" } }, script() {} })`
    const planned = await place.runTest(test, { env: { NIX_VM_TEST_CACHE: cache } })
    assert.match(planned.stdout, /1 MiB.*16 MiB/u)

    const cleaned = JSON.parse((await images(["gc", "--all", "--json"])).stdout)
    assert.deepStrictEqual([cleaned.removed, cleaned.kept.length], [[], 1])
    assert.strictEqual((await images(["forget", "own:1"])).exitCode, 0)
    assert.strictEqual((await images(["forget", "own:1"])).exitCode, 64)
    await images(["gc", "--all"])
    assert.deepStrictEqual(filesIn("images"), [])
  })

  it.each([
    ["--name", "debian:bookworm"],
    ["--name", "Not a name"],
    ["--digest", "sha256:12"]
  ])("import refuses %s %s, and leaves nothing", async (flag, value) => {
    const { file } = makeDisk()
    const given = { "--name": "own:1", [flag]: value }
    const { exitCode, stderr } = await images(["import", ...Object.entries(given).flat(), file])
    assert.include([2, 64], exitCode)
    assert.include(stderr, value)
    assert.isFalse(fs.existsSync(path.join(cache, "imported")))
  })

  it("import shows both digests of a file that has another one than it should, and leaves nothing", async () => {
    const { file, hex } = makeDisk()
    const wanted = "0".repeat(64)
    const { exitCode, stderr } = await images(["import", "--name", "own:1", "--digest", wanted, file])
    assert.strictEqual(exitCode, 2)
    assert.include(stderr, `expected sha256:${wanted}`)
    assert.include(stderr, `got      sha256:${hex}`)
    assert.deepStrictEqual([...filesIn("images"), ...filesIn("imported")], [])
  })

  it("import says that a file is no disk, and that the cache's disk is full", async () => {
    const text = place.write("disk.qcow2.html", "<html>404</html>")
    const refused = await images(["import", "--name", "own:1", text])
    assert.strictEqual(refused.exitCode, 2)
    assert.include(refused.stderr, "is no disk image: it is text")

    const { file } = makeDisk()
    const full = await images(["import", "--name", "own:1", file], {
      mounts: `mkdir -p ${cache}; mount -t tmpfs -o size=512k tmpfs ${cache}`
    })
    assert.strictEqual(full.exitCode, 2)
    assert.match(full.stderr, /no space left while writing \S+.*NIX_VM_TEST_CACHE/u)

    const readOnly = await images(["import", "--name", "own:1", file], {
      mounts: `mkdir -p ${cache}; mount -t tmpfs -o ro tmpfs ${cache}`
    })
    assert.strictEqual(readOnly.exitCode, 2)
    assert.include(readOnly.stderr, "can't be written")
  })

  it("verify puts a disk aside that changed, and says what it should have been", async () => {
    const { hex, stored } = await importOwn()
    const intact = await images(["verify"])
    assert.deepStrictEqual([intact.exitCode, intact.stdout], [0, "1 of 1 are as they were\n"])

    const content = fs.readFileSync(stored)
    content[content.length - 1] = 1
    fs.rmSync(stored)
    fs.writeFileSync(stored, content)
    const changed = await images(["verify", "--json"])
    assert.strictEqual(changed.exitCode, 2)
    assert.deepStrictEqual(JSON.parse(changed.stdout), [
      {
        kind: "image",
        key: `sha256-${hex}`,
        title: "own:1",
        path: stored,
        fault: `expected sha256:${hex}, got sha256:${sha256(content)}`,
        keptAt: `${stored}.rejected`
      }
    ])
    assert.deepStrictEqual(filesIn("images"), [`sha256-${hex}.qcow2.rejected`])
    assert.match((await images(["list"])).stdout, /^own:1 +deleted: import it again$/mu)
    const { exitCode, stderr } = await images(["fetch", "own:1"])
    assert.strictEqual(exitCode, 2)
    assert.include(stderr, "import it again")
  })

  it("prepare says so where nothing has to be done, does the other images though one fails", async () => {
    const { file } = makeDisk()
    await images(["import", "--name", "own:12", "--family", "debian", "--version", "12", file])
    const { exitCode, stdout, stderr } = await images(["prepare", "own:99", "own:12"])
    assert.strictEqual(exitCode, 2)
    assert.include(stdout, "own:12: needs no preparation (entry: tmpfiles)\n")
    assert.include(stderr, 'no image is called "own:99"')
  })

  it("prepare --explain lists what is changed, from the data by which it is done", async () => {
    const { stdout } = await images(["prepare", "--explain", "debian:13", "debian:11"])
    assert.match(stdout, /^debian:13 \(entry: credential\), in the first boot of each machine/mu)
    assert.match(stdout, /^debian:11 \(entry: nocloud\), once, in a boot that prepares the image:$/mu)
    const [explained] = JSON.parse((await images(["prepare", "--explain", "--json", "debian:12"])).stdout)
    const { facts } = Effect.runSync(resolveReference({ _tag: "Named", name: "debian:12" }, "x86_64"))
    assert.isNotEmpty(facts.slowUnits)
    assert.includeMembers(
      explained.changes,
      settleSteps(facts).map(({ does }) => does)
    )
    for (const unit of facts.slowUnits) assert.include(stdout, unit)
  })

  it("export writes one qcow2, and never over a file", async () => {
    const { stored } = await importOwn()
    const target = path.join(place.folder, "out.qcow2")
    const { exitCode, stdout, stderr } = await images(["export", "own:1", target, "--compress"])
    assert.strictEqual(exitCode, 0, stderr)
    assert.include(stdout, target)
    assert.include(String(execFileSync("qemu-img", ["compare", stored, target])), "identical")
    const again = await images(["export", "own:1", target])
    assert.strictEqual(again.exitCode, 64)
    assert.include(again.stderr, "is there already")
    assert.deepStrictEqual(fs.readdirSync(place.folder).toSorted(), ["cache", "disk.qcow2", "out.qcow2", "tmp"])
  })
})
