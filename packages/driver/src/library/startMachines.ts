/** Machines for programs that are no test scripts of ours: plain Node programs, and tests under any runner. */
import type { PromiseMachine } from "@nix-vm-test/core"
import type { Event } from "@nix-vm-test/core/events/Event"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { promiseMachine } from "@nix-vm-test/core/promise/PromiseMachine"
import { makeRunPromise } from "@nix-vm-test/core/promise/RunPromise"
import { openMachines } from "@nix-vm-test/core/run/openMachines"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import type { MachineSpecInput } from "@nix-vm-test/core/spec/MachineSpec"
import type { TestSpecInput } from "@nix-vm-test/core/spec/TestSpec"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { runServices } from "../run/services.ts"

type Machines = Readonly<Record<string, MachineSpecInput>>

/** The machines that are wanted, as in a test's specification, and where its relative paths start. */
export interface StartMachinesOptions<M extends Machines> extends Omit<TestSpecInput, "machines" | "script"> {
  readonly machines: M
  /** What relative paths of the specification start from; default the working directory. */
  readonly baseDirectory?: string
  /** Where `copyToHost` puts files whose target is relative; default the working directory. */
  readonly outputDirectory?: string
  /** Folders of templates that were made ahead, beside those that the environment names. */
  readonly templates?: ReadonlyArray<string>
  /** Hears everything that happens, as reports do. */
  readonly onEvent?: (event: Event) => void
  /** Gives up the start and stops what runs already. */
  readonly signal?: AbortSignal
}

/** Running machines. `await using` stops them with the block; they also end with the process. */
export interface StartedMachines<Names extends string> extends AsyncDisposable {
  readonly machines: Readonly<Record<Names, PromiseMachine>>
  /** Stops all machines and removes their disks; the same as leaving an `await using` block. */
  readonly stop: () => Promise<void>
}

const hear = Effect.fnUntraced(function* (onEvent: (event: Event) => void) {
  const events = yield* (yield* EventBus).subscribe
  yield* Effect.forkScoped(
    Stream.runForEach(events, (event) => Effect.sync(() => onEvent(event))),
    { startImmediately: true }
  )
})

const start = Effect.fn("library.startMachines")(function* (options: StartMachinesOptions<Machines>) {
  const {
    baseDirectory = process.cwd(),
    outputDirectory = process.cwd(),
    onEvent,
    templates,
    signal: _,
    ...written
  } = options
  const spec = yield* Effect.fromResult(decodeSpec({ spec: written, origin: "startMachines" }))
  if (onEvent !== undefined) yield* hear(onEvent)
  const { machines } = yield* openMachines({ spec, baseDirectory, outputDirectory, templates })
  yield* Effect.forEach(machines, ({ power }) => power.start, { concurrency: "unbounded", discard: true })
  const run = yield* makeRunPromise
  return Object.fromEntries(machines.map(({ machine }) => [machine.name, promiseMachine(machine, run)]))
})

/** Whether a record has all the machines that a specification names; one that was carried out always has. */
const hasAll = <M extends Machines>(
  spec: M,
  started: Readonly<Record<string, PromiseMachine>>
): started is Readonly<Record<keyof M & string, PromiseMachine>> => Object.keys(spec).every((name) => name in started)

/**
 * Starts machines and gives their handles when all of them are ready.
 *
 * Rejects with the typed error of what is wrong: `SpecError`, `ImageError`, `QemuError`, `MachineError`, …; nothing runs then.
 */
export const startMachines = async <const M extends Machines>(
  options: StartMachinesOptions<M>
): Promise<StartedMachines<keyof M & string>> => {
  const scope = Scope.makeUnsafe()
  const close = Scope.close(scope, Exit.void)
  const machines = await Effect.runPromise(
    Layer.buildWithScope(runServices, scope).pipe(
      Effect.flatMap((services) => Effect.provideContext(Scope.provide(start(options), scope), services)),
      Effect.onError(() => close)
    ),
    options.signal === undefined ? {} : { signal: options.signal }
  )
  const stop = (): Promise<void> => Effect.runPromise(close)
  if (!hasAll(options.machines, machines)) throw new Error("the plan lacks machines of its specification")
  return { machines, stop, [Symbol.asyncDispose]: stop }
}
