import { consoleLogName, makeEventLog, readEventLog } from "@nix-vm-test/report/EventLog"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import { failingRun, makeTimeline, passingRun } from "./exampleRuns.ts"

layer(NodeFileSystem.layer)("EventLog", (it) => {
  const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

  it.effect("gives the same events again", () =>
    Effect.gen(function* () {
      const directory = `${yield* temporary}/made/here`
      const log = yield* makeEventLog({ directory, secrets: [] })
      yield* log.append(failingRun.slice(0, 10))
      yield* log.append([])
      yield* log.append(failingRun.slice(10))
      const events = yield* Stream.runCollect(readEventLog(`${directory}/events.jsonl`))
      assert.deepStrictEqual(events, failingRun)
    })
  )

  it.effect("writes each machine's console as the guest wrote it", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const log = yield* makeEventLog({ directory, secrets: [] })
      yield* log.append(passingRun)
      yield* log.append(makeTimeline([[0, { _tag: "ConsoleLine", machine: "client", text: "second" }]]))
      const fs = yield* FileSystem.FileSystem
      assert.deepStrictEqual((yield* fs.readDirectory(directory)).toSorted(), [
        "client.console.log",
        "events.jsonl",
        "server.console.log"
      ])
      assert.strictEqual(
        yield* fs.readFileString(`${directory}/client.console.log`),
        "[    0.000000] Linux version 6.1.0-28-amd64\nsecond\n"
      )
      assert.strictEqual(
        yield* fs.readFileString(`${directory}/server.console.log`),
        "[\u001b[0;32m  OK  \u001b[0m] Started \u001b[0;1;39mnginx.service\u001b[0m.\r\n"
      )
    })
  )

  it.effect("masks secrets in both", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const log = yield* makeEventLog({ directory, secrets: ["hunter2"] })
      yield* log.append(
        makeTimeline([
          [0, { _tag: "ConsoleLine", machine: "vm", text: "hunter2" }],
          [1, { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stdout", text: "hun" }]
        ])
      )
      yield* log.append(
        makeTimeline([[2, { _tag: "CommandOutput", machine: "vm", step: "s1", stream: "stdout", text: "ter2" }]])
      )
      const fs = yield* FileSystem.FileSystem
      assert.strictEqual(yield* fs.readFileString(`${directory}/vm.console.log`), "***\n")
      const events = yield* Stream.runCollect(readEventLog(`${directory}/events.jsonl`))
      assert.deepStrictEqual(
        events.map((event) => ("text" in event ? event.text : "")),
        ["***", "", "***"]
      )
    })
  )

  const read = Effect.fnUntraced(function* (text: string) {
    const fs = yield* FileSystem.FileSystem
    const path = `${yield* temporary}/log`
    yield* fs.writeFileString(path, text)
    return yield* Stream.runCollect(readEventLog(path)).pipe(
      Effect.map((events) => events.map(({ _tag }) => _tag)),
      Effect.catch((error) => Effect.succeed(error.message.replace(path, "log")))
    )
  })
  const line = JSON.stringify(passingRun[0])

  it.effect.each([
    ["", []],
    [`${line}\n${line}\n`, ["RunStarted", "RunStarted"]],
    // Killed while it wrote.
    [`${line}\n${line.slice(0, 40)}`, ["RunStarted"]],
    [`${line}\n${line.slice(0, 40)}\n${line}\n`, "log, line 2: not JSON"],
    [`{"_tag":"Whistle"}\n${line}\n`, `log, line 1: unknown event "Whistle": written by another version?`],
    [`[1]\n${line}\n`, "log, line 1: no event: it has no _tag"],
    [`${line.replace(`"r1"`, "5")}\n${line}\n`, `log, line 1: Expected string\n  at ["runId"]`]
  ] as const)("reads %j", ([text, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual<unknown>(yield* read(text), expected)
    })
  )

  it.effect("tells what it can't read or write", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(Stream.runCollect(readEventLog("/nowhere/events.jsonl")))
      assert.match(missing.message, /^can't read \/nowhere\/events\.jsonl: /u)
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* temporary}/file`
      yield* fs.writeFileString(file, "no directory")
      const refused = yield* Effect.flip(makeEventLog({ directory: `${file}/below`, secrets: [] }))
      assert.isTrue(refused.message.startsWith(`can't write ${file}/below: `), refused.message)
    })
  )
})

describe("a console's file name", () => {
  it("is no path, whatever the machine is called", () => {
    assert.strictEqual(consoleLogName("../a/b"), "..%2Fa%2Fb.console.log")
  })
})
