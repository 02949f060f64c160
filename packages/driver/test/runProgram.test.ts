import { assert, describe, it } from "@effect/vitest"
import { runNode } from "./runNode.ts"

const program = (name: string, options: Omit<Parameters<typeof runNode>[0], "script" | "args"> = {}) =>
  runNode({ script: "fixtures/program.ts", args: [name], ...options })

describe("runProgram", () => {
  it("puts a failure and its hint into words", async () => {
    assert.deepStrictEqual(await program("failure"), {
      exitCode: 2,
      stdout: "",
      stderr: "nix-vm-test: no room for the image\n  free 2 GiB\n"
    })
  })

  it("keeps an internal error's stack for those who ask", async () => {
    const plain = await program("defect")
    assert.strictEqual(plain.exitCode, 2)
    assert.strictEqual(
      plain.stderr,
      "nix-vm-test: internal error, please report it: index out of bounds\n  NIX_VM_TEST_DEBUG=1 shows where\n"
    )
    const debug = await program("defect", { env: { NIX_VM_TEST_DEBUG: "1" } })
    assert.include(debug.stderr, "fixtures/program.ts")
  })

  it.each(["SIGINT", "SIGTERM"] as const)("stops in order on %s", async (signal) => {
    const ended = await program("stoppable", { onOutput: (stdout) => (stdout === "running\n" ? signal : undefined) })
    assert.deepStrictEqual(ended, { exitCode: 130, stdout: "running\nstopped\n", stderr: "" })
  })

  it("ends at once on a second interrupt", async () => {
    const ended = await program("unstoppable", { onOutput: () => "SIGINT" })
    assert.deepStrictEqual(ended, { exitCode: 130, stdout: "running\nstopping\n", stderr: "" })
  })
})
