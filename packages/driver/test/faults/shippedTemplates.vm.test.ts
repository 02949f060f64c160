/** Templates that were made ahead: written by one command, moved, and used by another one that has nothing but them and the images. */
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { sharedCache, Workplace } from "./Workplace.ts"

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.remove())

const test = [
  `import { defineTest } from "@nix-vm-test/core"`,
  `export default defineTest({`,
  `  machines: { vm: { image: "debian:12", memory: "512MiB" } },`,
  `  async script({ vm, log }) { log("host name: " + await vm.succeed("hostname")) }`,
  `})`
].join("\n")

/** The template of the test's machine, written from the shared cache, and moved since. */
const shipped = async (): Promise<string> => {
  const made = join(place.folder, "made")
  const { exitCode, stdout, stderr } = await place.run(
    ["template", "make", "debian", "12", "--memory", "512MiB", "--output", made],
    { env: { NIX_VM_TEST_CACHE: sharedCache } }
  )
  assert.strictEqual(exitCode, 0, stderr)
  assert.match(stdout, /^\S+\/made: debian:12, 512 MiB, 1 CPU, \w+\n$/u)
  const moved = join(place.folder, "moved")
  renameSync(made, moved)
  return moved
}

const overwrite = (path: string, change: (content: Buffer) => Uint8Array): void => {
  const content = change(readFileSync(path))
  chmodSync(path, 0o644)
  writeFileSync(path, content)
}

const templatesIn = (cache: string): ReadonlyArray<string> => {
  const folder = join(cache, "templates")
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.includes(".")) : []
}

describe("a template that was made ahead", () => {
  it("starts machines from a place that can't be written to, named by a flag or by the environment", async () => {
    const folder = await shipped()
    const cache = place.ownCache()
    const mounts = `mount --bind ${folder} ${folder}\nmount -o remount,bind,ro ${folder}`
    const first = await place.runTest(test, {
      flags: ["--start", "clone", "--template", folder],
      env: { NIX_VM_TEST_CACHE: cache },
      mounts: `${mounts}\n! touch ${folder}/file 2>/dev/null`
    })
    assert.strictEqual(first.exitCode, 0, first.stdout)
    assert.include(first.stdout, `starting from the template ${folder}`)
    assert.include(first.stdout, "vm: starting (clone)")
    assert.include(first.stdout, "host name: vm")
    assert.notInclude(first.stdout, "making a template")
    const kept = templatesIn(cache)
    assert.lengthOf(kept, 1)
    const second = await place.runTest(test, {
      flags: ["--start", "clone"],
      env: { NIX_VM_TEST_CACHE: cache, NIX_VM_TEST_TEMPLATES: place.folder },
      mounts
    })
    assert.strictEqual(second.exitCode, 0, second.stdout)
    assert.include(second.stdout, "vm: starting (clone)")
    assert.deepStrictEqual(templatesIn(cache), kept)
  })

  it("is verified: by a command, and before its use", async () => {
    const folder = await shipped()
    const whole = await place.run(["template", "verify", folder])
    assert.deepStrictEqual([whole.exitCode, whole.stderr], [0, ""])
    assert.match(whole.stdout, /moved: whole: debian:12, 512 MiB, 1 CPU, \w+, by QEMU \d[^\n]*\n {2}fits this host\n$/u)
    overwrite(join(folder, "ram.zst"), (content) => {
      const middle = Math.floor(content.length / 2)
      content[middle] = (content[middle] ?? 0) ^ 1
      return content
    })
    const words = `the template ${folder} is damaged: ram.zst has other bytes than when it was made`
    const damaged = await place.run(["template", "verify", folder])
    assert.deepStrictEqual([damaged.exitCode, damaged.stdout], [2, ""])
    assert.include(damaged.stderr, words)
    const cache = place.ownCache()
    const { exitCode, stdout } = await place.runTest(test, {
      flags: ["--start", "clone", "--template", folder],
      env: { NIX_VM_TEST_CACHE: cache }
    })
    assert.strictEqual(exitCode, 2, stdout)
    assert.include(stdout, words)
    assert.deepStrictEqual(templatesIn(cache), [])
  })

  it("leaves machines to boot, with one line said, where its QEMU was another", async () => {
    const folder = await shipped()
    overwrite(join(folder, "template.json"), (content) =>
      Buffer.from(content.toString().replace(/("qemuBuildId": ")[0-9a-f]+/u, "$1another"))
    )
    const cache = place.ownCache()
    const { exitCode, stdout } = await place.run(["run", "--template", folder, place.write("case.ts", test)], {
      env: { NIX_VM_TEST_CACHE: cache }
    })
    assert.strictEqual(exitCode, 0, stdout)
    const told = [...stdout.matchAll(/the template \S+ does not fit: it was made by another QEMU/gu)]
    assert.lengthOf(told, 1, stdout)
    assert.include(stdout, "vm: starting (cold boot)")
    assert.deepStrictEqual(templatesIn(cache), [])
    place.assertNothingLeft()
  })

  it("is refused where the folder is none, and where one would be written over", async () => {
    const used = await place.run(["run", "--template", place.folder, place.write("case.ts", test)])
    assert.strictEqual(used.exitCode, 64, used.stdout)
    assert.include(used.stdout + used.stderr, `${place.folder} is no template: it has no template.json`)
    const made = await place.run(["template", "make", "debian:12", "--output", place.folder])
    assert.strictEqual(made.exitCode, 64)
    assert.include(made.stderr, `${place.folder} is there already`)
  })
})
