import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { runNode } from "../runNode.ts"

const Report = Schema.fromJsonString(
  Schema.Struct({ findings: Schema.Array(Schema.Struct({ id: Schema.String, status: Schema.String })) })
)

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "doctor-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const doctor = async (env: Readonly<Record<string, string>>) => {
  const { exitCode, stdout, stderr } = await runNode({
    script: "../src/main.ts",
    args: ["doctor", "--json"],
    env: { NIX_VM_TEST_CACHE: folder, ...env }
  })
  const { findings } = Schema.decodeSync(Report)(stdout)
  return { exitCode, stderr, statusOf: Object.fromEntries(findings.map(({ id, status }) => [id, status])) }
}

describe("nix-vm-test doctor", () => {
  it("finds this host fit, after it has run code under KVM or seen that it can't", async () => {
    const { exitCode, stderr, statusOf } = await doctor({})
    assert.strictEqual(stderr, "")
    assert.strictEqual(exitCode, 0)
    assert.strictEqual(statusOf["qemu"], "ok")
    assert.include(["ok", "warn"], statusOf["kvm"])
    assert.strictEqual(statusOf["shares"], "ok")
  })

  it("says what is missing, and that nothing runs without it", async () => {
    const { exitCode, stderr, statusOf } = await doctor({ PATH: folder })
    assert.strictEqual(stderr, "")
    assert.strictEqual(exitCode, 2)
    assert.strictEqual(statusOf["qemu"], "missing")
    assert.strictEqual(statusOf["imageTool"], "missing")
    assert.strictEqual(statusOf["processGuard"], "missing")
    assert.strictEqual(statusOf["shares"], "warn")
  })
})
