import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Event } from "@nix-vm-test/core/events/Event"
import * as Schema from "effect/Schema"
import { runNode } from "../runNode.ts"

const stamp = (sequence: number) => ({ sequence, time: 0, elapsed: sequence * 1000 })
const events: ReadonlyArray<Event> = [
  { _tag: "RunStarted", ...stamp(0), runId: "r", name: "hello", machines: ["vm"], driver: "0.1.0" },
  { _tag: "StepStarted", ...stamp(1), step: "s1", machine: "vm", kind: "command", title: "must succeed: true" },
  { _tag: "StepFinished", ...stamp(2), step: "s1", outcome: "passed", durationMs: 1000 },
  { _tag: "RunFinished", ...stamp(3), verdict: "passed", durationMs: 3000, failures: [] }
]
const lines = events.map((event) => Schema.encodeSync(Schema.fromJsonString(Event))(event))
const report = (log: string) => runNode({ script: "../src/main.ts", args: ["report", log] })

const withLog = async (text: string, use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "nvt-report-"))
  await fs.writeFile(path.join(folder, "events.jsonl"), text)
  await use(folder)
  await fs.rm(folder, { recursive: true })
}

describe("nix-vm-test report", () => {
  it("shows a run again, from its file and from its folder", () =>
    withLog(lines.join("\n"), async (folder) => {
      const shown = await report(folder)
      assert.strictEqual(shown.exitCode, 0)
      assert.match(
        shown.stdout,
        /^hello .*\nvm: must succeed: true\nvm: \(finished: .*[\s\S]*✓ hello passed in 3.00 s\n$/u
      )
      assert.deepStrictEqual(await report(path.join(folder, "events.jsonl")), shown)
    }))

  it("shows a run that broke off as far as it is known", () =>
    withLog(lines.slice(0, 2).join("\n"), async (folder) => {
      const { exitCode, stdout } = await report(folder)
      assert.strictEqual(exitCode, 0)
      assert.match(stdout, /vm: must succeed: true\n[\s\S]*1 unfinished[\s\S]*! hello broke off after 1.00 s\n$/u)
    }))

  it("says what it can't show", async () => {
    const nothing = await report("/nowhere")
    assert.deepInclude(nothing, { exitCode: 64, stdout: "" })
    assert.match(nothing.stderr, /\/nowhere does not exist/u)
    await withLog("no\nevents\n", async (folder) => {
      assert.match((await report(folder)).stderr, /events\.jsonl, line 1: not JSON/u)
    })
  })
})
