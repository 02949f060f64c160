/**
 * What a test script exports: data that says which machines it wants and what to do with them. `defineTest` and `testScript` make it; the
 * script host reads it.
 *
 * It is recognised by a property rather than by a class, so that a script may import another copy of this package than the driver is.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { EventBusShape } from "../events/EventBus.ts"
import type { Checkpoint } from "../machine/Checkpoint.ts"
import type { Machine } from "../machine/Machine.ts"
import type { OperationError } from "../machine/MachineContext.ts"
import type { StepsShape } from "../machine/Steps.ts"
import type { PromiseMachine } from "../promise/PromiseMachine.ts"
import type { MachineSpecInput } from "../spec/MachineSpec.ts"
import type { TestSpecInput } from "../spec/TestSpec.ts"

/** Names in the script's argument that are not machines; a machine can't have one of them. */
export const reservedNames = ["machines", "subtest", "log", "startAll", "checkpointAll", "restoreAll"] as const
export type ReservedName = (typeof reservedNames)[number]

export interface PromiseHelpers<Names extends string> {
  /** All machines, for loops and for names that only the run knows. */
  readonly machines: Readonly<Record<Names, PromiseMachine>>
  /** A named part of the test: a group in the report, a case in JUnit. Gives nothing where it failed and the test is to go on nevertheless. */
  readonly subtest: <A>(name: string, body: () => Promise<A> | A) => Promise<A | undefined>
  /** Writes a line to the report. */
  readonly log: (text: string) => void
  /** Starts all machines and waits until they are ready. */
  readonly startAll: () => Promise<void>
  /** A checkpoint of all machines at one instant: all are stopped, then each is saved, then all go on. */
  readonly checkpointAll: () => Promise<ReadonlyArray<Checkpoint>>
  /** Puts all these machines back, at one instant too. */
  readonly restoreAll: (checkpoints: ReadonlyArray<Checkpoint>) => Promise<void>
}

export interface EffectHelpers<Names extends string> {
  readonly machines: Readonly<Record<Names, Machine>>
  readonly subtest: <A, E, R>(
    name: string,
    body: Effect.Effect<A, E, R>
  ) => Effect.Effect<A | undefined, E, Exclude<R, never>>
  readonly log: (text: string) => Effect.Effect<void>
  readonly startAll: () => Effect.Effect<void, unknown>
  readonly checkpointAll: () => Effect.Effect<ReadonlyArray<Checkpoint>, OperationError>
  readonly restoreAll: (checkpoints: ReadonlyArray<Checkpoint>) => Effect.Effect<void, OperationError>
}

/** What a script in Promise style gets: its machines by name, and the helpers. */
export type ScriptContext<Names extends string> = Readonly<Record<Exclude<Names, ReservedName>, PromiseMachine>> &
  PromiseHelpers<Names>

/** What a script in Effect style gets. */
export type EffectScriptContext<Names extends string> = Readonly<Record<Exclude<Names, ReservedName>, Machine>> &
  EffectHelpers<Names>

/**
 * A script as the host calls it. It is a method on purpose: TypeScript compares a method's parameters both ways, so that a script typed with
 * its own machines' names fits, and the host, which knows names only at run time, gives it exactly those.
 */
export interface PromiseBody {
  readonly style: "promise"
  script(context: PromiseHelpers<string>): unknown
}

export interface EffectBody {
  readonly style: "effect"
  script(context: EffectHelpers<string>): Effect.Effect<unknown, unknown>
}

/** What the host of a script in another process works with. */
export interface ScriptHost {
  readonly machines: Readonly<Record<string, Machine>>
  readonly bus: EventBusShape
  readonly steps: StepsShape
  /** Hears why a subtest failed, after which the script goes on; absent: it ends. */
  readonly onFailedSubtest?: ((failure: OperationError) => void) | undefined
  /** Adds a machine to the test while it runs; it lives as long as the Scope. */
  readonly addMachine?: ((name: string, spec: unknown) => Effect.Effect<Machine, Error, Scope.Scope>) | undefined
}

/** Runs a script to its end; its outcome is the effect's own. */
export type RunHosted = (host: ScriptHost) => Effect.Effect<void, OperationError>

/** A script that another process runs, such as one in another language. */
export interface HostedBody {
  readonly style: "hosted"
  /** A person takes part: the test's time limit does not hold. Default: false. */
  readonly isAttended?: boolean
  /** Makes it ready to run, while the machines are made ready to start; what is wrong with the script is told before anything boots. */
  readonly open: Effect.Effect<RunHosted, Error, Scope.Scope>
}

/** A script of the driver's own process. */
export type ScriptBody = PromiseBody | EffectBody

export type TestBody = ScriptBody | HostedBody

/** Everything of a spec but its script, as a test script writes it. */
export interface TestOptions<Machines extends Readonly<Record<string, MachineSpecInput>>> extends Omit<
  TestSpecInput,
  "machines" | "script"
> {
  readonly machines: Machines
}

/** The key that marks a definition. */
export const definitionKey = "~nix-vm-test/TestDefinition"

export interface TestDefinition {
  readonly [definitionKey]: 1
  /** Absent when the spec comes from elsewhere. */
  readonly spec?: TestSpecInput | undefined
  readonly body: ScriptBody
}

/** Whether a script's export is a test. */
export const isTestDefinition = (value: unknown): value is TestDefinition =>
  typeof value === "object" && value !== null && definitionKey in value
