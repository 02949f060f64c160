/** What a Python script asks of its machines, answered by their own operations; and what those ask back. */
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import type { OperationError } from "@nix-vm-test/core/machine/MachineContext"
import { CurrentStep } from "@nix-vm-test/core/machine/Steps"
import type { ScriptHost } from "@nix-vm-test/core/script/TestDefinition"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { BadCall } from "./BadCall.ts"
import type { BridgeMessage, Call } from "./BridgeMessage.ts"
import type { CallContext } from "./Operation.ts"
import { makeOperations } from "./operations.ts"
import type { PythonProcess } from "./PythonProcess.ts"

const errorKind = (error: OperationError): "assertion" | "timeout" | "machine" => {
  if (error._tag === "MachineError") return "machine"
  const { _tag } = error.reason
  return _tag === "CommandTimedOut" || _tag === "WaitTimedOut" ? "timeout" : "assertion"
}

/** What came of the questions that operations asked about the script's calls. */
const makeQuestions = (python: PythonProcess) => {
  const open = new Map<number, Deferred.Deferred<unknown>>()
  let count = 0
  const ask = (id: number): CallContext["ask"] =>
    Effect.fnUntraced(function* (value, parts = []) {
      const question = ++count
      const answer = yield* Deferred.make<unknown>()
      open.set(question, answer)
      python.send({ type: "ask", id, question, value }, parts)
      return yield* Effect.ensuring(
        Deferred.await(answer),
        Effect.sync(() => open.delete(question))
      )
    })
  const answered = (question: number, value: unknown): Effect.Effect<unknown> => {
    const answer = open.get(question)
    return answer === undefined ? Effect.void : Deferred.succeed(answer, value)
  }
  return { ask, answered }
}

/** The calls of one script: each is answered by its operation, several at once. */
export const makeScriptCalls = (python: PythonProcess, host: ScriptHost) => {
  // Machines that the script adds are its own from then on.
  const machines: Record<string, Machine> = { ...host.machines }
  const operations = makeOperations(machines)
  const known = new Map<number, OperationError>()
  const running = new Map<number, Fiber.Fiber<void>>()
  const { ask, answered } = makeQuestions(python)
  const refuse = (id: number, error: OperationError | BadCall) =>
    Effect.sync(() => {
      if (error._tag === "BadCall") {
        python.send({ type: "error", id, kind: error.kind, message: error.detail })
        return
      }
      known.set(id, error)
      const { detail: message, evidence } = error
      python.send({ type: "error", id, kind: errorKind(error), message, evidence, failure: id })
    })
  const answer = ({ id, operation, args, step }: Call, parts: ReadonlyArray<Uint8Array>) => {
    const run = operations.get(operation)
    const done =
      run === undefined
        ? Effect.fail(new BadCall({ kind: "value", detail: `the driver knows no operation ${operation}` }))
        : run(args, { ...host, machines, parts, ask: ask(id) })
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
      }),
      Effect.ensuring(Effect.sync(() => running.delete(id)))
    )
  }
  /** Does what a message asks for; what takes its time goes on while the next message is read. */
  const serve = Effect.fnUntraced(function* (message: BridgeMessage, parts: ReadonlyArray<Uint8Array>) {
    if (message.type === "call") {
      running.set(message.id, yield* Effect.forkScoped(answer(message, parts)))
    } else if (message.type === "answer") {
      yield* answered(message.question, message.value)
    } else if (message.type === "cancel") {
      const fiber = running.get(message.id)
      if (fiber !== undefined) yield* Effect.forkScoped(Fiber.interrupt(fiber))
    }
  })
  return { serve, known }
}
