/** A Python interpreter that waits for a script: started early, so that it is there before the first guest is. */
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { ProcessExit } from "@nix-vm-test/core/host/ChildProcesses"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { bridgeReader, encodeFrame } from "./BridgeFrame.ts"
import { BridgeMessage } from "./BridgeMessage.ts"
import { PythonError } from "./PythonError.ts"

/** The Python side's own folder. */
const folder = fileURLToPath(new URL("../../python/", import.meta.url))

/** What came over the bridge, or why nothing will come any more. */
export type FromPython =
  | { readonly _tag: "Message"; readonly message: BridgeMessage; readonly parts: ReadonlyArray<Uint8Array> }
  | { readonly _tag: "Ended"; readonly detail: string }

export interface PythonProcess {
  readonly send: (header: Readonly<Record<string, unknown>>, parts?: ReadonlyArray<Uint8Array>) => void
  /** In order; `Ended` is the last. */
  readonly received: Queue.Dequeue<FromPython>
  readonly version: string
  /** Sends it a signal. */
  readonly signal: (signal: NodeJS.Signals) => void
}

export interface PythonProcessOptions {
  /** A name on PATH or a path. */
  readonly command: string
  /** It has the driver's terminal in place of streams of its own. Default: false. */
  readonly onTerminal?: boolean
  /** Text that the script writes to its own stdout or stderr, as it comes. */
  readonly onOutput: (stream: "stdout" | "stderr", chunk: Uint8Array) => void
}

const decodeMessage = Schema.decodeUnknownOption(BridgeMessage)

const endedText = ({ code, signal }: ProcessExit): string =>
  signal === undefined ? `Python ended with exit code ${code}` : `Python was killed by ${signal}`

/** Why an interpreter never said hello. */
const startError = (command: string, exit: ProcessExit, stderr: string): PythonError => {
  // A file that is no program is taken for a shell script, whose words are not found either.
  if (exit.code === 127 && /\bexec: .*: not found$/mu.test(stderr))
    return new PythonError({ reason: { _tag: "NotFound", looked: command } })
  const old = /^python (?<version>\S+) is too old$/mu.exec(stderr)?.groups?.["version"]
  if (old !== undefined) return new PythonError({ reason: { _tag: "TooOld", command, version: old } })
  const detail = stderr.trim().split("\n").at(-1) ?? ""
  return new PythonError({
    reason: { _tag: "Broken", command, detail: detail === "" ? endedText(exit) : `${endedText(exit)}: ${detail}` }
  })
}

/** Starts an interpreter and waits for its hello. It is killed when the Scope closes. */
export const startPython = Effect.fn("driver.startPython")(function* (
  options: PythonProcessOptions
): Effect.fn.Return<PythonProcess, PythonError, ChildProcesses | Scope.Scope> {
  const { command } = options
  const processes = yield* ChildProcesses
  const received = yield* Queue.unbounded<FromPython>()
  const hello = yield* Deferred.make<string>()
  const child = yield* processes
    .spawn({
      command,
      args: ["-u", path.join(folder, "run.py")],
      env: { PYTHONIOENCODING: "utf-8" },
      onTerminal: options.onTerminal,
      onStdout: (chunk) => options.onOutput("stdout", chunk),
      onStderr: (chunk) => options.onOutput("stderr", chunk),
      withSocket: true
    })
    .pipe(Effect.mapError((error) => new PythonError({ reason: { _tag: "Broken", command, detail: error.message } })))
  const { socket } = child
  if (socket === undefined) return yield* Effect.die(new Error("the process was started without its socket"))
  const garbage = (detail: string): void => {
    Queue.offerUnsafe(received, { _tag: "Ended", detail: `Python sent ${detail}` })
    socket.destroy()
  }
  const read = bridgeReader({
    onFrame: ({ header, parts }) => {
      const message = Option.getOrUndefined(decodeMessage(header))
      if (message === undefined) garbage(`a message of no known form: ${JSON.stringify(header).slice(0, 200)}`)
      else if (message.type === "hello") Deferred.doneUnsafe(hello, Effect.succeed(message.python))
      else Queue.offerUnsafe(received, { _tag: "Message", message, parts })
    },
    onError: garbage
  })
  socket.on("data", read)
  // Its end is told by the process's exit.
  socket.on("error", () => {})
  const ended = Effect.map(child.exited, (exit) =>
    Queue.offerUnsafe(received, { _tag: "Ended", detail: endedText(exit) })
  )
  yield* Effect.forkScoped(ended)
  const version = yield* Effect.raceFirst(
    Deferred.await(hello),
    Effect.flatMap(child.exited, (exit) =>
      Effect.flatMap(child.stderrTail, (stderr) => Effect.fail(startError(command, exit, stderr)))
    )
  )
  return {
    version,
    received,
    signal: (signal) => Effect.runFork(child.signal(signal)),
    send: (header, parts) => {
      for (const chunk of encodeFrame(header, parts)) socket.write(chunk)
    }
  }
})
