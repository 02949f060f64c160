/** What NixOS' test driver promises to scripts, row by row: each row is a subtest of a Python script, run by the command on real guests. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Workplace } from "../faults/Workplace.ts"

interface Row {
  readonly outcome: string
  readonly detail: string | undefined
}

/** Runs a script to its end, whatever fails in it; gives its subtests. */
const runRows = async (place: Workplace, file: string, machines: Readonly<Record<string, unknown>>) => {
  const spec = place.write("conformance.json", JSON.stringify({ machines, script: { file } }))
  const output = join(place.folder, "out")
  const { stdout } = await place.run(["run", "--keep-going", "--output", output, spec])
  const titles = new Map<string, string>()
  const rows = new Map<string, Row>()
  for (const line of readFileSync(join(output, "events.jsonl"), "utf8").trim().split("\n")) {
    const event: unknown = JSON.parse(line)
    if (typeof event !== "object" || event === null || !("step" in event) || !("_tag" in event)) continue
    const step = String(event.step)
    if (event._tag === "StepStarted" && "kind" in event && "title" in event && event.kind === "subtest") {
      titles.set(step, String(event.title))
    }
    const title = titles.get(step)
    if (title === undefined || event._tag !== "StepFinished" || !("outcome" in event)) continue
    rows.set(title, {
      outcome: String(event.outcome),
      detail: "detail" in event ? String(event.detail) : undefined
    })
  }
  return { rows, stdout }
}

const guest = { image: "debian:12", memory: "512MiB", exchange: false }

describe.each([
  ["commands.py", { lone: guest }],
  ["waits.py", { first: guest, "second-one": guest }]
] as const)("%s", (name, machines) => {
  const file = join(import.meta.dirname, "conformance", name)
  const titles = [...readFileSync(file, "utf8").matchAll(/^with subtest\("(.*)"\):$/gmu)].map(([, title = ""]) => title)
  const place = new Workplace()
  let ran: Awaited<ReturnType<typeof runRows>>
  beforeAll(async () => {
    ran = await runRows(place, file, machines)
  })
  afterAll(() => place.remove())

  it.each(titles)("%s", (title) => {
    const row = ran.rows.get(title)
    assert.isDefined(row, ran.stdout)
    assert.strictEqual(row?.outcome, "passed", `${row?.detail}\n${ran.stdout}`)
  })

  it("ends in order: nothing is left", () => {
    assert.isAbove(ran.rows.size, 0)
    place.assertNothingLeft()
  })
})
