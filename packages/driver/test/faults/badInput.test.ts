/** Wrong words in tests and on the command line, and images that are none: told without a guest being started. */
import { createHash } from "node:crypto"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { serveFile } from "./serveFile.ts"
import { Workplace } from "./Workplace.ts"

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.remove())

const machineTest = (machine: string): string =>
  [
    `import { defineTest } from "@nix-vm-test/core"`,
    `export default defineTest({ machines: { vm: ${machine} }, script() {} })`
  ].join("\n")

describe("a specification with mistakes", () => {
  it("names all of them at once, and what was meant", async () => {
    const { exitCode, stdout, stderr } = await place.runTest(
      `import { defineTest } from "@nix-vm-test/core"
       export default defineTest({
         machines: { vm: { image: "debian:12", memroy: "1GiB" }, other: { image: "debian:12", diskSize: "12 parsecs" } },
         timeout: {},
         script() {}
       } as any)`
    )
    assert.strictEqual(exitCode, 64)
    assert.strictEqual(stdout, "")
    assert.include(stderr, "case.ts: 3 problems")
    assert.include(stderr, `machines.vm.memroy: unknown; did you mean "memory"?`)
    assert.include(stderr, `timeout: unknown; did you mean "timeouts"?`)
    assert.match(stderr, /machines\.other\.diskSize: expected a size such as .*, got "12 parsecs"/u)
  })

  it.each([
    ["debain:12", `no image is called "debain:12": did you mean "debian:12"?`],
    ["debian:bokworm", `no image is called "debian:bokworm": did you mean "debian:bookworm"?`],
    ["debian:99", `did you mean "debian:11" or "debian:12" or "debian:13"?`]
  ])("suggests what image %s may have meant", async (image, message) => {
    const { exitCode, stdout } = await place.runTest(machineTest(`{ image: "${image}" }`))
    assert.strictEqual(exitCode, 64)
    assert.include(stdout, message)
  })
})

describe("a release past its end of life", () => {
  it("is told in the log and on stderr, before anything is downloaded", async () => {
    const cache = join(place.folder, "cache")
    const image = `{ image: "ubuntu:22.10" }`
    const { stdout, stderr } = await place.runTest(machineTest(image), {
      env: { NIX_VM_TEST_CACHE: cache },
      onOutput: (seen, command) => {
        // Where there is a network the image would be downloaded now.
        if (seen.includes("end-of-life")) command.signal("SIGTERM")
      }
    })
    const text = "ubuntu:22.10 has had no support since 2023-07-20"
    assert.include(stdout, `end-of-life: ${text}`)
    assert.match(stderr, new RegExp(`^nix-vm-test: ${text}.*\\n$`, "u"))
  })
})

describe("a test that is not there", () => {
  it("says which file is missing", async () => {
    const { exitCode, stderr } = await place.run(["run", "missing.ts"])
    assert.strictEqual(exitCode, 64)
    assert.include(stderr, join(place.folder, "missing.ts"))
  })

  it("names the spec that names a missing script", async () => {
    const spec = { machines: { vm: { image: "debian:12" } }, script: { file: "./gone.ts" } }
    const { exitCode, stderr } = await place.run(["run", place.write("spec.json", JSON.stringify(spec))])
    assert.strictEqual(exitCode, 64)
    assert.match(stderr, /spec\.json: script: .*\/gone\.ts is no file/u)
  })

  it("shows the line in a spec that is no JSON", async () => {
    const { exitCode, stderr } = await place.run(["run", place.write("spec.json", `{ "machines": }`)])
    assert.strictEqual(exitCode, 64)
    assert.include(stderr, "spec.json")
    assert.notInclude(stderr, "    at ")
  })

  it("says what a script must export", async () => {
    const { exitCode, stderr } = await place.runTest("export const test = 1\n")
    assert.strictEqual(exitCode, 64)
    assert.match(stderr, /case\.ts defines no test\n {2}its default export must be that of defineTest/u)
  })
})

describe("a script that fails before it has defined a test", () => {
  it.each([
    [
      "throws",
      `\nthrow new Error("at the top")\n`,
      "Error: at the top",
      /case\.ts:2:7\n {4}throw new Error\("at the top"\)/u
    ],
    ["exits", `process.exit(0)\n`, "the script called process.exit(0)", /case\.ts:1:\d+\n {4}process\.exit\(0\)/u],
    [
      "has a syntax error",
      `const a = 1\nconst b = = 2\n`,
      "SyntaxError: Unexpected",
      /case\.ts:2:11?\d?\n {4}const b = = 2/u
    ]
  ])("shows the line where it %s", async (_, script, message, place_) => {
    const { exitCode, stdout, stderr } = await place.runTest(script)
    assert.strictEqual(stderr, "")
    assert.strictEqual(exitCode, 1)
    assert.include(stdout, message)
    assert.match(stdout, place_)
    assert.notInclude(stdout, "node_modules")
  })

  it("shows the line of a syntax error in plain JavaScript too", async () => {
    const script = place.write("case.mjs", "const a = 1\nconst b = = 2\n")
    const { exitCode, stdout } = await place.run(["run", script])
    assert.strictEqual(exitCode, 1)
    assert.match(stdout, /case\.mjs:2:11\n {4}const b = = 2/u)
  })
})

describe("the command line", () => {
  it.each([
    [["run"], /test/u],
    [["run", "--bogus", "case.ts"], /--bogus/u],
    [["run", "--accel", "warp", "case.ts"], /warp/u],
    [["rnu", "case.ts"], /Did you mean this\?\s+run/u]
  ])("refuses %j and says where to read on", async (args, complaint) => {
    place.write("case.ts", machineTest(`{ image: "debian:12" }`))
    const { exitCode, stdout, stderr } = await place.run(args)
    assert.strictEqual(exitCode, 64)
    assert.strictEqual(stdout, "")
    assert.match(stderr, complaint)
    assert.match(stderr, /See: nix-vm-test.* --help\n$/u)
  })

  it("refuses a secret that the environment does not have", async () => {
    const { exitCode, stderr } = await place.runTest(machineTest(`{ image: "debian:12" }`), {
      flags: ["--secret", "NOWHERE"]
    })
    assert.strictEqual(exitCode, 64)
    assert.include(stderr, "--secret: the environment has no NOWHERE")
  })

  it("refuses an output folder that can't be made", async () => {
    const file = place.write("occupied", "")
    const { exitCode, stderr } = await place.runTest(machineTest(`{ image: "debian:12" }`), {
      flags: ["--output", join(file, "out")]
    })
    assert.strictEqual(exitCode, 64)
    assert.include(stderr, "--output")
  })
})

describe("a host without QEMU", () => {
  it("says what to install", async () => {
    const { exitCode, stderr } = await place.runTest(machineTest(`{ image: "debian:12" }`), {
      env: { PATH: dirname(process.execPath), NIX_VM_TEST_QEMU: undefined }
    })
    assert.strictEqual(exitCode, 2)
    assert.match(stderr, /qemu-system-\S+ was not found.*apt install qemu-system-/su)
  })

  it("says that NIX_VM_TEST_QEMU leads nowhere", async () => {
    const { exitCode, stderr } = await place.runTest(machineTest(`{ image: "debian:12" }`), {
      env: { NIX_VM_TEST_QEMU: "/nonexistent/qemu" }
    })
    assert.strictEqual(exitCode, 2)
    assert.include(stderr, "NIX_VM_TEST_QEMU names it: no executable file is there")
  })

  it("tells wrong usage all the same", async () => {
    const { exitCode } = await place.run(["run", "missing.ts"], { env: { NIX_VM_TEST_QEMU: "/nonexistent/qemu" } })
    assert.strictEqual(exitCode, 64)
  })
})

describe("an image that is none", () => {
  it("is cut off", async () => {
    const disk = join(place.folder, "whole.qcow2")
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", disk, "64M"])
    place.write("cut.qcow2", readFileSync(disk).subarray(0, 200_000))
    const { exitCode, stdout } = await place.runTest(machineTest(`{ image: { file: "./cut.qcow2" } }`))
    assert.strictEqual(exitCode, 2)
    assert.match(stdout, /cut\.qcow2 is cut off: .*Delete it and get it again/u)
  })

  it.each([
    ["has no system on it", "empty.qcow2"],
    ["is for another processor", "debian-12-generic-arm64.qcow2"]
  ])("%s", async (_, name) => {
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(place.folder, name), "64M"])
    // What a disk with a GUID partition table begins with: a signature, and no program for a PC's firmware.
    execFileSync("qemu-io", ["-c", "write -q -P 0x55 510 1", "-c", "write -q -P 0xaa 511 1", join(place.folder, name)])
    const { exitCode, stdout } = await place.runTest(machineTest(`{ image: { file: "./${name}" } }`))
    assert.strictEqual(exitCode, 2)
    assert.match(stdout, /can't be started from: its boot sector is empty.*aarch64/u)
  })

  it("is a text", async () => {
    place.write("text.qcow2", "<html>404</html>\n")
    const { exitCode, stdout } = await place.runTest(machineTest(`{ image: { file: "./text.qcow2" } }`))
    assert.strictEqual(exitCode, 2)
    assert.match(stdout, /text\.qcow2 is no disk image: it is text, perhaps the web page of an error/u)
  })

  it("is not there", async () => {
    const { exitCode, stdout } = await place.runTest(machineTest(`{ image: { file: "./none.qcow2" } }`))
    assert.strictEqual(exitCode, 2)
    assert.include(stdout, `there is no file ${join(place.folder, "none.qcow2")}`)
  })

  it("has other bytes than were announced", async () => {
    const content = Buffer.from("not what was promised")
    const announced = "0".repeat(64)
    const { exitCode, stdout } = await serveFile(content, ({ url }) =>
      place.runTest(machineTest(`{ image: { url: "${url}", sha256: "${announced}" } }`), {
        env: { NIX_VM_TEST_CACHE: join(place.folder, "cache") }
      })
    )
    assert.strictEqual(exitCode, 2)
    assert.include(stdout, announced)
    assert.include(stdout, createHash("sha256").update(content).digest("hex"))
  })
})
