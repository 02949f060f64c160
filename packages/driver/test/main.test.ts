import { assert, describe, it } from "@effect/vitest"
import { version } from "@nix-vm-test/driver/version"
import { runNode } from "./runNode.ts"

const nixVmTest = (...args: ReadonlyArray<string>) => runNode({ script: "../src/main.ts", args })

describe("nix-vm-test", () => {
  it.each([["--version"], ["-v"], ["doctor", "--version"]])("says its version: %s %s", async (...args) => {
    assert.deepStrictEqual(await nixVmTest(...args), { exitCode: 0, stdout: `nix-vm-test v${version}\n`, stderr: "" })
  })

  it("shows help on stdout when asked", async () => {
    const { exitCode, stdout, stderr } = await nixVmTest("--help")
    assert.strictEqual(exitCode, 0)
    assert.include(stdout, "doctor")
    assert.strictEqual(stderr, "")
  })

  it("shows help on stderr when nothing was said", async () => {
    const { exitCode, stdout, stderr } = await nixVmTest()
    assert.strictEqual(exitCode, 64)
    assert.strictEqual(stdout, "")
    assert.include(stderr, "doctor")
  })

  it("suggests what a misspelt command may have meant", async () => {
    const { exitCode, stdout, stderr } = await nixVmTest("doctr")
    assert.strictEqual(exitCode, 64)
    assert.strictEqual(stdout, "")
    assert.match(
      stderr,
      /^nix-vm-test: Unknown subcommand "doctr".*Did you mean this\?\s+doctor\nSee: nix-vm-test --help\n$/su
    )
  })

  it("names a wrong flag and where to read on", async () => {
    const { exitCode, stdout, stderr } = await nixVmTest("doctor", "--bogus")
    assert.strictEqual(exitCode, 64)
    assert.strictEqual(stdout, "")
    assert.match(stderr, /^nix-vm-test: .*--bogus.*\nSee: nix-vm-test doctor --help\n$/su)
  })

  it.each(["bash", "zsh", "fish"])("writes completions for %s", async (shell) => {
    const { exitCode, stdout, stderr } = await nixVmTest("--completions", shell)
    assert.strictEqual(exitCode, 0)
    assert.include(stdout, "doctor")
    assert.strictEqual(stderr, "")
  })
})
