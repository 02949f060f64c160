/** The switches of a run, in a thread of their own. */
import { Worker } from "node:worker_threads"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { NetworkError } from "./NetworkError.ts"
import type { PortStatistics, SwitchAnswer, SwitchCommand, SwitchRequest } from "./SwitchMessage.ts"

export interface NetworkSwitch {
  /** Has the switch do something; completes when it is in force. */
  readonly order: (command: SwitchCommand) => Effect.Effect<void, NetworkError>
  /** What every port has seen so far. */
  readonly statistics: Effect.Effect<ReadonlyArray<PortStatistics>, NetworkError>
  /** Never completes; fails when the networks can't be relied on any more. */
  readonly failure: Effect.Effect<never, NetworkError>
}

export interface NetworkSwitchOptions {
  /** Hears that a port's QEMU sent nonsense. */
  readonly onOutOfStep: (network: string, port: string, detail: string) => void
}

type Done = Extract<SwitchAnswer, { readonly _tag: "Done" }>

/** Starts the thread; it ends with the Scope, and all connections with it. */
export const makeNetworkSwitch = Effect.fnUntraced(function* (
  options: NetworkSwitchOptions
): Effect.fn.Return<NetworkSwitch, never, Scope.Scope> {
  const failure = yield* Deferred.make<never, NetworkError>()
  const waiting = new Map<
    number,
    { readonly command: string; readonly settle: (outcome: Effect.Effect<Done, NetworkError>) => void }
  >()
  const fail = (reason: NetworkError["reason"]): void => {
    const error = new NetworkError({ reason })
    Deferred.doneUnsafe(failure, Effect.fail(error))
    if (reason._tag !== "SwitchEnded") return
    for (const { settle } of waiting.values()) settle(Effect.fail(error))
    waiting.clear()
  }
  const hear = (answer: SwitchAnswer): void => {
    if (answer._tag === "FaultFailed") return fail(answer)
    if (answer._tag === "OutOfStep") return options.onOutOfStep(answer.network, answer.port, answer.detail)
    const asked = waiting.get(answer.id)
    waiting.delete(answer.id)
    asked?.settle(
      answer._tag === "Done"
        ? Effect.succeed(answer)
        : Effect.fail(new NetworkError({ reason: { _tag: "Refused", command: asked.command, detail: answer.detail } }))
    )
  }
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL("./switchWorker.ts", import.meta.url))),
    (thread) => Effect.promise(() => thread.terminate())
  )
  worker.unref()
  worker.on("message", hear)
  worker.on("error", (error) => fail({ _tag: "SwitchEnded", detail: error.message }))
  worker.on("exit", (code) => fail({ _tag: "SwitchEnded", detail: `its thread ended with code ${code}` }))
  let lastId = 0
  const ask = (command: SwitchCommand) =>
    Effect.raceFirst(
      Effect.callback<Done, NetworkError>((settle) => {
        const request: SwitchRequest = { id: ++lastId, command }
        waiting.set(request.id, { command: command._tag, settle })
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
        worker.postMessage(request)
      }),
      Effect.catch(Deferred.await(failure), (error) =>
        error.reason._tag === "SwitchEnded" ? Effect.fail(error) : Effect.never
      )
    )
  return {
    order: (command) => Effect.asVoid(ask(command)),
    statistics: Effect.map(ask({ _tag: "Statistics" }), ({ statistics }) => statistics ?? []),
    failure: Deferred.await(failure)
  }
})
