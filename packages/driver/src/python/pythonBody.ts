/** A Python script as the body of a test: a CPython beside the driver, whose calls are answered by the machines' own operations. */
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import type { OperationError } from "@nix-vm-test/core/machine/MachineContext"
import { CurrentStep } from "@nix-vm-test/core/machine/Steps"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import type { HostedBody, RunHosted, ScriptHost } from "@nix-vm-test/core/script/TestDefinition"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { BadCall } from "./BadCall.ts"
import type { Call, ScriptFailure } from "./BridgeMessage.ts"
import { makeOperations } from "./operations.ts"
import { pythonFailure } from "./pythonFailure.ts"
import type { PythonProcess } from "./PythonProcess.ts"
import { startPython } from "./PythonProcess.ts"
import type { PythonScript } from "./PythonScript.ts"
import { ScriptOutput } from "./ScriptOutput.ts"

export interface PythonBodyOptions {
  readonly script: PythonScript
  /** Names of the machines that the script finds in its namespace. */
  readonly machines: ReadonlyArray<string>
  /** The interpreter: a name on PATH or a path. */
  readonly command: string
}

/** The interpreter ended, or spoke nonsense, before the script had come to its end: `os._exit`, a signal, a crash. */
const vanished = (detail: string): TestFailure =>
  new TestFailure({
    reason: { _tag: "ScriptThrew", name: "Python", text: `${detail} before the script had come to its end` },
    evidence: []
  })

const errorKind = (error: OperationError): "assertion" | "timeout" | "machine" => {
  if (error._tag === "MachineError") return "machine"
  const { _tag } = error.reason
  return _tag === "CommandTimedOut" || _tag === "WaitTimedOut" ? "timeout" : "assertion"
}

/** Answers the calls of one script. */
const makeAnswerer = (python: PythonProcess, host: ScriptHost) => {
  const operations = makeOperations()
  const known = new Map<number, OperationError>()
  const refuse = (id: number, error: OperationError | BadCall) =>
    Effect.sync(() => {
      if (error._tag === "BadCall") {
        python.send({ type: "error", id, kind: error.kind, message: error.detail })
        return
      }
      known.set(id, error)
      python.send({ type: "error", id, kind: errorKind(error), message: error.detail, failure: id })
    })
  const answer = ({ id, operation, args, step }: Call, parts: ReadonlyArray<Uint8Array>) => {
    const run = operations.get(operation)
    const done =
      run === undefined
        ? Effect.fail(new BadCall({ kind: "value", detail: `the driver knows no operation ${operation}` }))
        : run(args, { ...host, parts })
    return done.pipe(
      Effect.provideService(CurrentStep, step),
      // A defect of ours must not leave the script waiting.
      Effect.catchDefect((defect) =>
        Effect.fail(new BadCall({ kind: "internal", detail: `${operation}: ${String(defect)}` }))
      ),
      Effect.matchEffect({
        onFailure: (error) => refuse(id, error),
        onSuccess: (value) =>
          Effect.sync(() => python.send({ type: "result", id, value: value.value ?? null }, value.parts))
      })
    )
  }
  return { answer, known }
}

interface Opened {
  readonly python: PythonProcess
  readonly script: PythonScript
  readonly output: ScriptOutput
}

const reportFailure = Effect.fnUntraced(function* (host: ScriptHost, failure: ScriptFailure) {
  for (const line of failure.lines) yield* host.bus.publish({ _tag: "Log", level: "error", text: `!!! ${line}` })
})

const runOpened = Effect.fnUntraced(function* ({ python, script, output }: Opened, host: ScriptHost) {
  const { answer, known } = makeAnswerer(python, host)
  output.publishTo(host.bus)
  yield* Effect.addFinalizer(() => Effect.sync(() => output.flush()))
  python.send({ type: "run" })
  while (true) {
    const next = yield* Queue.take(python.received)
    if (next._tag === "Ended") return yield* vanished(next.detail)
    const { message, parts } = next
    if (message.type === "call") yield* Effect.forkScoped(answer(message, parts))
    if (message.type !== "finished") continue
    for (const thread of message.threads) {
      yield* host.bus.publish({
        _tag: "Log",
        level: "warning",
        text: `the script left thread "${thread}" running; it was ended`
      })
    }
    if (message.failure === null) return
    yield* reportFailure(host, message.failure)
    return yield* pythonFailure({ script, failure: message.failure, known })
  }
}, Effect.scoped)

const open = Effect.fnUntraced(function* ({ script, machines, command }: PythonBodyOptions) {
  const output = new ScriptOutput()
  const python = yield* startPython({ command, onOutput: output.push })
  const { file, text, directory } = script
  python.send({ type: "load", script: { file, text, directory: directory ?? null }, machines })
  const loaded = yield* Queue.take(python.received)
  if (loaded._tag === "Ended") return yield* vanished(loaded.detail)
  if (loaded.message.type === "loaded" && loaded.message.failure !== null) {
    return yield* Effect.fail<Error>(pythonFailure({ script, failure: loaded.message.failure, known: new Map() }))
  }
  const run: RunHosted = (host) => runOpened({ python, script, output }, host)
  return run
})

/** The body of a test whose script is Python. */
export const pythonBody = (options: PythonBodyOptions): HostedBody => ({
  style: "hosted",
  open: Effect.provide(open(options), ChildProcesses.layer)
})
