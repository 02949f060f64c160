/** A Python script as the body of a test: a CPython beside the driver, whose calls are answered by the machines' own operations. */
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import type { HostedBody, RunHosted, ScriptHost } from "@nix-vm-test/core/script/TestDefinition"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { failWithAll } from "@nix-vm-test/core/script/runScript"
import type { Session } from "../interactive/Session.ts"
import { historyFolder } from "../interactive/Session.ts"
import { takeSignals } from "../interactive/takeSignals.ts"
import type { ScriptFailure } from "./BridgeMessage.ts"
import { pythonFailure } from "./pythonFailure.ts"
import type { PythonProcess } from "./PythonProcess.ts"
import { makeScriptCalls } from "./ScriptCalls.ts"
import { startPython } from "./PythonProcess.ts"
import type { PythonScript } from "./PythonScript.ts"
import { ScriptOutput } from "./ScriptOutput.ts"

export interface PythonBodyOptions {
  readonly script: PythonScript
  /** Names of the machines that the script finds in its namespace. */
  readonly machines: ReadonlyArray<string>
  /** Numbers of the networks that have one, as scripts know them. */
  readonly vlans?: ReadonlyArray<number> | undefined
  /** The interpreter: a name on PATH or a path. */
  readonly command: string
  /** A failed subtest does not end the script. Default false. */
  readonly keepGoing?: boolean | undefined
  /** A person who works with it; without, the script runs by itself. */
  readonly session?: Session | undefined
}

/** The interpreter ended, or spoke nonsense, before the script had come to its end: `os._exit`, a signal, a crash. */
const vanished = (detail: string): TestFailure =>
  new TestFailure({
    reason: { _tag: "ScriptThrew", name: "Python", text: `${detail} before the script had come to its end` },
    evidence: []
  })

interface Opened {
  readonly python: PythonProcess
  readonly output: ScriptOutput
}

const reportFailure = Effect.fnUntraced(function* (host: ScriptHost, failure: ScriptFailure) {
  for (const line of failure.lines) yield* host.bus.publish({ _tag: "Log", level: "error", text: `!!! ${line}` })
})

const runOpened = Effect.fnUntraced(function* ({ python, output }: Opened, host: ScriptHost) {
  const { serve, known } = makeScriptCalls(python, host)
  output.publishTo(host.bus)
  yield* Effect.addFinalizer(() => Effect.sync(() => output.flush()))
  python.send({ type: "run" })
  while (true) {
    const next = yield* Queue.take(python.received)
    if (next._tag === "Ended") return yield* vanished(next.detail)
    const { message, parts } = next
    yield* serve(message, parts)
    if (message.type !== "finished") continue
    for (const thread of message.threads) {
      yield* host.bus.publish({
        _tag: "Log",
        level: "warning",
        text: `the script left thread "${thread}" running; it was ended`
      })
    }
    for (const failure of message.failures) yield* reportFailure(host, failure)
    return yield* failWithAll(message.failures.map((failure) => pythonFailure({ failure, known })))
  }
}, Effect.scoped)

/** While it runs, the terminal is Python's. */
const runAttended = Effect.fnUntraced(function* (opened: Opened, session: Session, host: ScriptHost) {
  const { python } = opened
  yield* session.output.divert((text) => python.send({ type: "show", text }))
  yield* takeSignals({
    signals: ["SIGINT", "SIGTSTP", "SIGWINCH"],
    onSignal: (signal) => {
      if (signal !== "SIGTSTP") python.signal(signal)
    }
  })
  return yield* runOpened(opened, host)
}, Effect.scoped)

const open = Effect.fnUntraced(function* (options: PythonBodyOptions) {
  const { script, machines, vlans = [], command, keepGoing = false, session } = options
  const output = new ScriptOutput()
  const python = yield* startPython({ command, onOutput: output.push, onTerminal: session !== undefined })
  const { file, text, directory } = script
  python.send({
    type: "load",
    script: { file, text, directory: directory ?? null },
    machines,
    vlans,
    keepGoing,
    session: session === undefined ? null : { when: session.when, folder: historyFolder() }
  })
  const loaded = yield* Queue.take(python.received)
  if (loaded._tag === "Ended") return yield* vanished(loaded.detail)
  if (loaded.message.type === "loaded" && loaded.message.failure !== null) {
    return yield* Effect.fail<Error>(pythonFailure({ failure: loaded.message.failure, known: new Map() }))
  }
  const opened: Opened = { python, output }
  const run: RunHosted = (host) =>
    session === undefined ? runOpened(opened, host) : runAttended(opened, session, host)
  return run
})

/** The body of a test whose script is Python. */
export const pythonBody = (options: PythonBodyOptions): HostedBody => ({
  style: "hosted",
  isAttended: options.session !== undefined,
  open: Effect.provide(open(options), ChildProcesses.layer)
})
