/** Templates whose making goes wrong: makers that are killed, several at once, caches that can't take them. */
import { appendFileSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { Workplace } from "./Workplace.ts"

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

/** Writes until there is no room any more. */
const fillUp = (path: string): void => {
  const chunk = new Uint8Array(1024 ** 2)
  try {
    for (;;) appendFileSync(path, chunk)
  } catch (error) {
    assert.match(String(error), /ENOSPC/u)
  }
}

describe("a template in the making", () => {
  it("is left by a process that is killed, and made by one of the next while the other waits", async () => {
    const cache = place.ownCache()
    const templates = join(cache, "templates")
    const env = { NIX_VM_TEST_CACHE: cache }
    const script = place.write("case.ts", test)
    const killed = await place.run(["run", script], {
      env,
      onOutput: (stdout, command) => {
        if (stdout.includes("booting the user space")) command.signal("SIGKILL")
      }
    })
    assert.strictEqual(killed.signal, "SIGKILL")
    assert.isTrue(readdirSync(templates).some((name) => name.endsWith(".partial")))

    const both = await Promise.all([place.run(["run", script], { env }), place.run(["run", script], { env })])
    for (const { exitCode, stdout } of both) {
      assert.strictEqual(exitCode, 0, stdout)
      assert.include(stdout, "vm: starting (clone)")
      assert.include(stdout, "host name: vm")
      assert.notInclude(stdout, "booting instead")
    }
    const makers = both.filter(({ stdout }) => stdout.includes("its template is made"))
    const waiters = both.filter(({ stdout }) => /process \d+ is making the template: waiting for it/u.test(stdout))
    assert.deepStrictEqual([makers.length, waiters.length], [1, 1])
    assert.lengthOf(readdirSync(templates), 1)
    place.assertNothingLeft()

    const listed: { readonly entries: ReadonlyArray<{ readonly kind: string; readonly title?: string }> } = JSON.parse(
      (await place.run(["cache", "ls", "--json"], { env })).stdout
    )
    const titles = listed.entries.flatMap(({ kind, title }) => (kind === "template" ? [title] : []))
    assert.match(titles.join(), /^debian:12, 512 MiB, 1 CPU, /u)
  })
})

describe("a machine that must be a clone", () => {
  const failing = async (mounts: (templates: string) => string, more: Readonly<Record<string, string>> = {}) => {
    const cache = place.ownCache()
    const templates = join(cache, "templates")
    mkdirSync(templates)
    const ended = await place.runTest(test, {
      flags: ["--start", "clone"],
      env: { NIX_VM_TEST_CACHE: cache, ...more },
      mounts: mounts(templates)
    })
    assert.strictEqual(ended.exitCode, 2, ended.stdout)
    assert.include(ended.stdout, "vm: starting it from a template")
    assert.include(ended.stdout, 'with "start": "auto" it boots instead')
    return ended.stdout
  }

  it("fails when the disk of the cache has no room for a template", async () => {
    const stdout = await failing((templates) => `mount -t tmpfs -o size=100m tmpfs ${templates}`)
    assert.match(stdout, /templates has room for (?:100|99) MiB, the machine's memory may need 512 MiB/u)
  })

  it("fails when the disk of the cache fills up while a template is made", async () => {
    const cache = place.ownCache()
    const templates = join(cache, "templates")
    mkdirSync(templates)
    let filled = false
    const { exitCode, stdout } = await place.runTest(test, {
      flags: ["--start", "clone"],
      env: { NIX_VM_TEST_CACHE: cache },
      mounts: `mount -t tmpfs -o size=600m tmpfs ${templates}`,
      onOutput: (output, { pid }) => {
        if (filled || !output.includes("booting the user space")) return
        filled = true
        fillUp(`/proc/${pid}/root${templates}/filler`)
      }
    })
    assert.isTrue(filled)
    assert.strictEqual(exitCode, 2, stdout)
    // What fills up first is the memory's file or the disk's.
    assert.match(stdout, /starting it from a template.* booting the guest: .*(?:SIGBUS|no space left)/u)
  })

  it("fails when the cache can't be written to", async () => {
    const stdout = await failing((templates) => `mount -t tmpfs -o ro tmpfs ${templates}`)
    assert.match(stdout, /locking it: \S+templates\S* can.t be written/u)
  })

  it("fails when the limit for templates is no size", async () => {
    const stdout = await failing(() => ":", { NIX_VM_TEST_TEMPLATES_LIMIT: "plenty" })
    assert.include(stdout, 'reading NIX_VM_TEST_TEMPLATES_LIMIT: "plenty" is no size such as 20GiB')
  })
})

describe("a machine that may boot", () => {
  it("boots where the cache can't take a template, with one notice", async () => {
    const cache = place.ownCache()
    const templates = join(cache, "templates")
    mkdirSync(templates)
    let booting = false
    const { exitCode, stdout } = await place.runTest(test, {
      env: { NIX_VM_TEST_CACHE: cache },
      mounts: `mount -t tmpfs -o ro tmpfs ${templates}`,
      onOutput: (output, command) => {
        if (booting || !output.includes("vm: starting (cold boot)")) return
        booting = true
        // How it goes on is no matter of templates.
        command.signal("SIGINT")
      }
    })
    assert.isTrue(booting, stdout)
    assert.strictEqual(exitCode, 130, stdout)
    assert.lengthOf([...stdout.matchAll(/booting instead of starting from a template/gu)], 1)
  })
})
