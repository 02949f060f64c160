import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { agentBinaryPath, AgentNotBuilt, readAgentBinary } from "@nix-vm-test/agent/AgentBinary"
import { agentDisk, writeAgentDisk } from "@nix-vm-test/agent/AgentDisk"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import { buildAgent } from "./support/AgentUnderTest.ts"

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

describe("the agent disk", () => {
  it.effect.prop(
    "holds any program behind its header, in whole sectors",
    { content: Schema.Uint8Array },
    ({ content }) =>
      Effect.sync(() => {
        const disk = Buffer.from(agentDisk({ bytes: content, sha256: sha256(content) }))
        assert.strictEqual(disk.length % 512, 0)
        const [magic, size, digest] = disk.subarray(0, disk.indexOf("\n")).toString().split(" ")
        assert.deepStrictEqual([magic, size], ["nix-vm-test-agent", String(content.length)])
        const program = disk.subarray(512, 512 + Number(size))
        assert.strictEqual(sha256(program), digest)
        assert.isTrue(disk.subarray(512 + Number(size)).every((byte) => byte === 0))
      })
  )

  it("is written from the program that was built", async () => {
    if (!existsSync(agentBinaryPath("x86_64"))) buildAgent(agentBinaryPath("x86_64"))
    const folder = mkdtempSync(join(tmpdir(), "nvt-disk-"))
    await writeAgentDisk({ path: join(folder, "disk"), architecture: "x86_64" })
    const binary = await readAgentBinary("x86_64")
    assert.isTrue(readFileSync(join(folder, "disk")).equals(agentDisk(binary)))
    assert.strictEqual(binary.sha256, sha256(binary.bytes))
    rmSync(folder, { recursive: true })
  })

  it("an agent that nobody built: the error names the command", () => {
    const error = new AgentNotBuilt({ architecture: "aarch64", path: agentBinaryPath("aarch64") })
    assert.match(
      error.message,
      /aarch64 is not built: \/.*\/dist\/agent-aarch64 does not exist\. Run: CC=aarch64-linux-musl-gcc packages\/agent\/build\.sh$/u
    )
  })
})
