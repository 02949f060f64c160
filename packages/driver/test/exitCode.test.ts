import { assert, describe, it } from "@effect/vitest"
import { MachineError } from "@nix-vm-test/core/machine/MachineError"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { Concluded } from "@nix-vm-test/driver/Concluded"
import { exitCode } from "@nix-vm-test/driver/exitCode"
import * as Exit from "effect/Exit"
import * as CliError from "effect/cli/CliError"

const testFailure = new TestFailure({ reason: { _tag: "CommandSucceeded", command: "false" }, evidence: [] })
const machineError = new MachineError({
  machine: "server",
  reason: { _tag: "NotRunning", state: "stopped" },
  evidence: []
})

const cases: ReadonlyArray<readonly [string, Exit.Exit<unknown, unknown>, number]> = [
  ["success", Exit.void, 0],
  ["a failed test", Exit.fail(testFailure), 1],
  ["a machine's own failure", Exit.fail(machineError), 2],
  ["a defect", Exit.die(new Error("boom")), 2],
  ["a failure that is no error", Exit.fail("boom"), 2],
  ["a call that can't be carried out", Exit.fail(new UsageError({ text: "no such file" })), 64],
  ["a wrong flag", Exit.fail(new CliError.MissingOption({ option: "image" })), 64],
  ["interruption", Exit.interrupt(1), 130],
  ["a command's verdict", Exit.fail(new Concluded({ verdict: "failed" })), 1],
  ["a command's verdict about the host", Exit.fail(new Concluded({ verdict: "infrastructure" })), 2]
]

describe("exitCode", () => {
  it.each(cases)("%s", (_, exit, code) => {
    assert.strictEqual(exitCode(exit), code)
  })
})
