/** Python scripts and interpreters that misbehave, through the command itself: what is told, and what is left. */
import { chmodSync } from "node:fs"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import type { CommandOptions } from "../faults/Workplace.ts"
import { Workplace } from "../faults/Workplace.ts"

let place: Workplace
beforeEach(() => {
  place = new Workplace()
})
afterEach(() => place.remove())

interface Options extends CommandOptions {
  readonly flags?: ReadonlyArray<string>
  readonly spec?: Readonly<Record<string, unknown>>
}

/** Runs a script on a guest that boots meanwhile: these scripts end before it is there. */
const runScript = async (script: string, options: Options = {}) => {
  place.write("case.py", script)
  const machines = { vm: { image: "debian:12", memory: "512MiB", start: "cold" } }
  const spec = place.write("case.json", JSON.stringify({ machines, script: { file: "./case.py" }, ...options.spec }))
  const ended = await place.run(["run", ...(options.flags ?? []), spec], options)
  place.assertNothingLeft()
  return ended
}

const program = (name: string, text: string): string => {
  const path = place.write(name, text)
  chmodSync(path, 0o755)
  return path
}

describe("a script in Python", () => {
  it("that raises fails the test and shows its line", async () => {
    const { exitCode, stdout, stderr } = await runScript("def f():\n    raise ValueError('boom')\nf()\n")
    assert.strictEqual(stderr, "")
    assert.strictEqual(exitCode, 1, stdout)
    assert.match(stdout, /ValueError: boom\n\n {2}at \S+\/case\.py:2:1\n {4}raise ValueError\('boom'\)\n/u)
    assert.notInclude(stdout, "nix_vm_test/")
  })

  it("that is no Python is told before anything starts", async () => {
    const { exitCode, stdout } = await runScript("if x\n")
    assert.strictEqual(exitCode, 1, stdout)
    assert.match(stdout, /SyntaxError: [^]*at \S+\/case\.py:1:1/u)
    assert.notMatch(stdout, /boot +ready/u)
  })

  it.each([
    ["ends itself", "import sys; sys.exit(0)", "the script called sys.exit(0)"],
    ["vanishes", "os._exit(0)", "Python ended with exit code 0 before the script had come to its end"],
    ["is killed", "os.kill(os.getpid(), 9)", "Python was killed by SIGKILL before the script had come to its end"]
  ])("that %s fails the test", async (_, script, text) => {
    const { exitCode, stdout } = await runScript(script)
    assert.strictEqual(exitCode, 1, stdout)
    assert.include(stdout, text)
  })

  it.each([
    ["loops", "while True: pass"],
    ["ignores signals and loops", "import signal\nsignal.signal(15, signal.SIG_IGN)\nwhile True: pass"],
    [
      "left a thread that loops",
      "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()\nwhile True: pass"
    ]
  ])("that %s ends with the test's own limit", async (_, script) => {
    const { exitCode, stdout } = await runScript(script, { spec: { timeouts: { test: "3s" } } })
    assert.strictEqual(exitCode, 1, stdout)
    assert.include(stdout, "the test did not end within 3 s")
  })

  it("of text in the spec shows its own lines", async () => {
    const script = { python: "x = 1\nraise KeyError(x)\n" }
    const { exitCode, stdout } = await runScript("", { spec: { script } })
    assert.strictEqual(exitCode, 1, stdout)
    assert.match(stdout, /KeyError: 1\n\n {2}at <script>:2:1\n {4}raise KeyError\(x\)\n/u)
  })

  it("goes on after failed subtests with --keep-going, and all of them are told", async () => {
    const script = ["one", "two"].map((name) => `with subtest("${name}"):\n    t.fail("not ${name}")\n`).join("")
    const { exitCode, stdout } = await runScript(script, { flags: ["--keep-going"] })
    assert.strictEqual(exitCode, 1, stdout)
    assert.match(
      stdout,
      /RequestedAssertionFailed: not one\n\n {2}at \S+\/case\.py:2:1[^]*RequestedAssertionFailed: not two\n\n {2}at \S+\/case\.py:4:1/u
    )
  })
})

describe("a script in TypeScript", () => {
  it("goes on after failed subtests with --keep-going too", async () => {
    const { exitCode, stdout } = await place.runTest(
      [
        `import { defineTest } from "@nix-vm-test/core"`,
        `export default defineTest({`,
        `  machines: { vm: { image: "debian:12", memory: "512MiB", start: "cold" } },`,
        `  async script({ subtest }) {`,
        `    await subtest("one", () => { throw new Error("not one") })`,
        `    await subtest("two", () => { throw new Error("not two") })`,
        `  }`,
        `})`
      ].join("\n"),
      { flags: ["--keep-going"] }
    )
    assert.strictEqual(exitCode, 1, stdout)
    assert.match(stdout, /Error: not one\n\n {2}at \S+\/case\.ts:5:[^]*Error: not two\n\n {2}at \S+\/case\.ts:6:/u)
  })
})

describe("a Python", () => {
  it.each([
    ["that is not there", () => "no-such-python", "no Python to run the script with: no-such-python is not on PATH"],
    [
      "that is too old",
      () => program("old", "#!/bin/sh\necho 'python 3.8 is too old' >&2\nexit 1\n"),
      "is Python 3.8; scripts need 3.9 or newer"
    ],
    [
      "that is broken",
      () => program("broken", "#!/bin/sh\necho 'Fatal Python error' >&2\nexit 1\n"),
      "does not work: Python ended with exit code 1: Fatal Python error"
    ]
  ])("%s is told before anything starts", async (_, python, text) => {
    const { exitCode, stdout } = await runScript("pass", { flags: ["--python", python()] })
    assert.strictEqual(exitCode, 2, stdout)
    assert.include(stdout, text)
    assert.include(stdout, "--python")
  })

  it("is the one that the environment names", async () => {
    const python = program("mine", '#!/bin/sh\nMINE=yes exec python3 "$@"\n')
    const { exitCode, stdout } = await runScript("assert os.environ['MINE'] == 'yes'\nraise KeyError('read')", {
      env: { NIX_VM_TEST_PYTHON: python }
    })
    assert.strictEqual(exitCode, 1, stdout)
    assert.include(stdout, "KeyError: 'read'")
  })
})
