/** Runs that end before a guest is up: scripts that misbehave, QEMU and guests that die at boot, signals, caches that can't be used. */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { serveFile } from "./serveFile.ts"
import { processesNaming, Workplace } from "./Workplace.ts"

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.remove())

const testOf = (script: string, more: { readonly machine?: string; readonly options?: string } = {}): string =>
  [
    `import { defineTest } from "@nix-vm-test/core"`,
    `export default defineTest({`,
    `  machines: { vm: ${more.machine ?? `{ image: "debian:12", memory: "512MiB", start: "cold" }`} },${more.options ?? ""}`,
    `  async script({ vm, log }) {`,
    script,
    `  }`,
    `})`
  ].join("\n")

/** Sends a signal once, when the output has come to a text. */
const signalAt = (text: string, signal: NodeJS.Signals) => {
  let sent = false
  return (stdout: string, command: { readonly signal: (signal: NodeJS.Signals) => void }): void => {
    if (sent || !stdout.includes(text)) return
    sent = true
    command.signal(signal)
  }
}

describe("a script", () => {
  it("that throws fails the test and shows its line", async () => {
    const { exitCode, stdout, stderr } = await place.runTest(testOf(`throw new RangeError("boom")`))
    assert.strictEqual(stderr, "")
    assert.strictEqual(exitCode, 1)
    assert.match(stdout, /RangeError: boom\n\n {2}at \S+\/case\.ts:5:7\n {4}throw new RangeError\("boom"\)\n/u)
    assert.notInclude(stdout, "node_modules")
  })

  it("whose promise nobody awaits fails the test when it is rejected", async () => {
    const script = `void Promise.reject(new Error("stray"))\nawait new Promise(() => {})`
    const { exitCode, stdout } = await place.runTest(testOf(script))
    assert.strictEqual(exitCode, 1)
    assert.match(stdout, /Error: stray\n\n {2}at \S+\/case\.ts:5:/u)
  })

  it("that calls process.exit fails the test, whatever code it gives", async () => {
    const { exitCode, stdout } = await place.runTest(testOf(`process.exit(0)`))
    assert.strictEqual(exitCode, 1)
    assert.match(stdout, /the script called process\.exit\(0\).*\n\n {2}at \S+\/case\.ts:5:9\n/u)
  })

  it.each([
    ["waits for ever", `await new Promise(() => {})`],
    ["never gives the processor back", `while (true) {}`],
    [
      "never gives the processor back after a while",
      `await new Promise((later) => setTimeout(later, 500))\nwhile (true) {}`
    ]
  ])("that %s ends with the test's own limit", async (_, script) => {
    const { exitCode, stdout } = await place.runTest(testOf(script, { options: `timeouts: { test: "3s" },` }))
    assert.strictEqual(exitCode, 1, stdout)
    assert.include(stdout, "the test did not end within 3 s")
  })
})

describe("a machine that can't be as it is wanted", () => {
  it("has a disk smaller than its image", async () => {
    const { exitCode, stdout } = await place.runTest(
      testOf("", { machine: `{ image: "debian:12", diskSize: "100MiB" }` })
    )
    assert.strictEqual(exitCode, 64)
    assert.match(stdout, /vm: diskSize is 100 MiB, its image has .* a disk can only grow/u)
  })

  it("shares a folder that is missing", async () => {
    const machine = `{ image: "debian:12", shares: { data: { source: "./gone", target: "/mnt" } } }`
    const { exitCode, stdout } = await place.runTest(testOf("", { machine }))
    assert.strictEqual(exitCode, 64)
    assert.include(stdout, `machines.vm.shares.data: ${join(place.folder, "gone")} does not exist`)
  })
})

describe("a boot", () => {
  it("ends at once when QEMU is killed", async () => {
    let killed = false
    const { exitCode, stdout } = await place.runTest(testOf(`await vm.succeed("true")`), {
      flags: ["--console", "all"],
      onOutput: (stdout) => {
        if (killed || !stdout.includes("Linux version")) return
        killed = true
        for (const pid of processesNaming(`${place.temporary}/nvt-`)) process.kill(pid, "SIGKILL")
      }
    })
    assert.strictEqual(exitCode, 2)
    assert.match(stdout, /vm: QEMU ended: killed by SIGKILL, not asked for/u)
    assert.match(stdout, /at \S+\/case\.ts:5:/u)
    assert.include(stdout, "hint: ")
  })

  it("ends at once when the kernel panics, and shows the console", async () => {
    const machine = `{ image: "debian:12", memory: "512MiB", boot: { kernelArgs: ["rdinit=/nonexistent", "panic=0"] }, start: "cold" }`
    const { exitCode, stdout } = await place.runTest(testOf(`await vm.succeed("true")`, { machine }))
    assert.strictEqual(exitCode, 2)
    assert.match(stdout, /the guest's kernel panicked: .*Kernel panic - not syncing/u)
    assert.match(stdout, /console.*\n(?: +│.*\n)* +│.*Kernel panic/u)
  })

  it("ends at once when the guest powers itself off", async () => {
    const machine = `{ image: "debian:12", memory: "512MiB", boot: { kernelArgs: ["systemd.unit=poweroff.target"] }, start: "cold" }`
    const { exitCode, stdout } = await place.runTest(testOf(`await vm.succeed("true")`, { machine }))
    assert.strictEqual(exitCode, 2)
    assert.include(stdout, "vm: the guest powered itself off")
  })
})

describe("a signal", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("%s during a boot stops everything in order", async (signal) => {
    const { exitCode, stdout, stderr } = await place.runTest(testOf(`await vm.succeed("true")`), {
      onOutput: signalAt("vm: starting", signal)
    })
    assert.strictEqual(exitCode, 130)
    assert.strictEqual(stderr, "")
    assert.include(stdout, "was interrupted")
  })

  it("SIGINT while an image is made leaves no half image and no builder", async () => {
    const cache = join(place.folder, "cache")
    const { exitCode } = await place.runTest(testOf("", { machine: `{ image: "debian:13" }` }), {
      env: { NIX_VM_TEST_CACHE: cache },
      onOutput: signalAt("debian:13: ", "SIGINT")
    })
    assert.strictEqual(exitCode, 130)
    assert.deepStrictEqual(processesNaming(cache), [])
    const left = readdirSync(cache, { recursive: true, encoding: "utf8" })
    assert.deepStrictEqual(
      left.filter((name) => /work-|\.lock|\.qcow2$/u.test(name)),
      []
    )
  })

  it("SIGKILL takes QEMU along, and the next run clears up and says so", async () => {
    const script = place.write("case.ts", testOf(`await vm.succeed("true")`))
    const killed = await place.run(["run", script], { onOutput: signalAt("vm: starting", "SIGKILL") })
    assert.strictEqual(killed.signal, "SIGKILL")
    const left = readdirSync(place.temporary)
    assert.strictEqual(left.length, 1)
    const { exitCode, stdout } = await place.runTest(testOf(`throw new Error("enough")`))
    assert.strictEqual(exitCode, 1)
    assert.include(stdout, `host: removed what a crashed run left behind: ${join(place.temporary, left[0] ?? "")}`)
  })

  it("stops the run when nobody reads its output any more", async () => {
    const { exitCode, stderr } = await place.runTest(testOf(`await vm.succeed("true")`), {
      onOutput: (_, command) => command.closeStdout()
    })
    assert.strictEqual(exitCode, 130)
    assert.strictEqual(stderr, "")
  })
})

describe("the cache", () => {
  /** A disk that no guest could start from, but that an image store takes. */
  const emptyDisk = () => {
    const path = join(place.folder, "source.qcow2")
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, "64M"])
    execFileSync("qemu-io", ["-c", "write -q -P 7 0 512", path])
    const content = readFileSync(path)
    return { content, sha256: createHash("sha256").update(content).digest("hex") }
  }
  const failing = (url: string, sha256: string): string =>
    testOf(`throw new Error("far enough")`, {
      machine: `{ image: { url: "${url}", sha256: "${sha256}", family: "debian", version: "13" } }`
    })

  it("serves two runs at once that both lack an image: one gets it, the other waits", async () => {
    const { content, sha256 } = emptyDisk()
    const other = new Workplace()
    const cache = join(place.folder, "cache")
    const env = { NIX_VM_TEST_CACHE: cache }
    await serveFile(content, async ({ url, requests }) => {
      const runs = await Promise.all([place, other].map((each) => each.runTest(failing(url, sha256), { env })))
      for (const { stdout } of runs) assert.notInclude(stdout, "ImageError")
      assert.strictEqual(requests(), 1)
    })
    other.remove()
    assert.isTrue(existsSync(join(cache, "images", `sha256-${sha256}.qcow2`)))
    assert.deepStrictEqual(
      readdirSync(join(cache, "images")).filter((name) => name.includes(".lock")),
      []
    )
  })

  it("that is read-only can't take a new image", async () => {
    const { content, sha256 } = emptyDisk()
    const cache = place.ownCache()
    const { exitCode, stdout } = await serveFile(content, ({ url }) =>
      place.runTest(failing(url, sha256), {
        env: { NIX_VM_TEST_CACHE: cache },
        mounts: `mount --bind ${cache} ${cache}; mount -o remount,bind,ro ${cache}`
      })
    )
    assert.strictEqual(exitCode, 2)
    assert.match(
      stdout,
      /the image is not in the cache, and \S+ can't be written\. Name a writable folder in NIX_VM_TEST_CACHE/u
    )
  })

  it("that is read-only serves what it has", async () => {
    const cache = place.ownCache()
    const { exitCode, stdout } = await place.runTest(testOf(`throw new Error("far enough")`), {
      env: { NIX_VM_TEST_CACHE: cache },
      mounts: `mount --bind ${cache} ${cache}; mount -o remount,bind,ro ${cache}`
    })
    assert.strictEqual(exitCode, 1)
    assert.include(stdout, "Error: far enough")
  })

  it("that is full says what to do", async () => {
    const { content, sha256 } = emptyDisk()
    const cache = join(place.folder, "cache")
    const { exitCode, stdout } = await serveFile(content, ({ url }) =>
      place.runTest(failing(url, sha256), {
        env: { NIX_VM_TEST_CACHE: cache },
        mounts: `mkdir ${cache}; mount -t tmpfs -o size=64k tmpfs ${cache}`
      })
    )
    assert.strictEqual(exitCode, 2)
    assert.match(
      stdout,
      /no space left while writing \S+.*Free some, or put the cache elsewhere with NIX_VM_TEST_CACHE/u
    )
  })
})
