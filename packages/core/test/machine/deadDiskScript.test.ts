/** What the script finds is seen in guests; here, that bash can read it, and what is made of what it prints. */
import { spawnSync } from "node:child_process"
import { deadDiskScript, readLogs } from "@nix-vm-test/core/machine/deadDiskScript"
import { assert, describe, it } from "@effect/vitest"

describe("logs on a guest's disk", () => {
  it("are found by code that bash can read", () => {
    const { status, stderr } = spawnSync("bash", ["-n"], { input: deadDiskScript("dead"), encoding: "utf8" })
    assert.deepStrictEqual([status, stderr], [0, ""])
  })

  it("are told by file, those with a text", () => {
    const printed =
      "noise\n\u001e/var/log/cloud-init.log\nfirst\nlast\n\u001e/log/journal\n\u001evda3\nunknown file system\n"
    assert.deepStrictEqual(readLogs(printed), [
      { title: "on its disk: /var/log/cloud-init.log", text: "first\nlast" },
      { title: "on its disk: vda3", text: "unknown file system" }
    ])
    assert.deepStrictEqual(readLogs(""), [])
  })
})
