import { assert, describe, it } from "@effect/vitest"
import { Concluded } from "@nix-vm-test/driver/Concluded"
import { exitCode } from "@nix-vm-test/driver/exitCode"
import * as Exit from "effect/Exit"
import * as CliError from "effect/cli/CliError"

const cases: ReadonlyArray<readonly [string, Exit.Exit<unknown, unknown>, number]> = [
  ["success", Exit.void, 0],
  ["a failed test", Exit.fail({ _tag: "TestFailure" }), 1],
  ["a machine's own failure", Exit.fail({ _tag: "MachineError" }), 2],
  ["a defect", Exit.die(new Error("boom")), 2],
  ["a spec that can't be read", Exit.fail({ _tag: "SpecError" }), 64],
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
