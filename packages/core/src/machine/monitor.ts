/** QEMU's own monitors, for what no other operation does. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { QemuError } from "../qemu/QemuError.ts"
import type { QmpArguments } from "../qemu/Qmp.ts"
import type { QmpEvent } from "../qemu/QmpMessage.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { waitFailure } from "./poll.ts"
import { TestFailure } from "./TestFailure.ts"
import { limitToMs } from "./TimeLimit.ts"
import type { WaitOptions } from "./waits.ts"

const notPossible = (context: MachineContext, detail: string): TestFailure =>
  new TestFailure({ machine: context.name, reason: { _tag: "NotPossible", detail }, evidence: [] })

/** Asks QEMU; one that is gone is the machine's death. */
const ask = (
  context: MachineContext,
  { process, death }: Incarnation,
  command: string,
  args?: QmpArguments
): Effect.Effect<unknown, OperationError> =>
  Effect.raceFirst(
    Effect.catch(process.qmp.execute(command, args), (error: QemuError): Effect.Effect<never, OperationError> =>
      error.reason._tag === "QmpFailed" ? Effect.fail(notPossible(context, error.message)) : death
    ),
    death
  )

/** Runs a command of QEMU's machine protocol (QMP) and gives its answer. */
export const qmp = (
  context: MachineContext,
  command: string,
  args?: QmpArguments
): Effect.Effect<unknown, OperationError> =>
  context.steps.step({ kind: "command", machine: context.name, title: `QMP command: ${command}` }, () =>
    Effect.flatMap(context.started, (incarnation) => ask(context, incarnation, command, args))
  )

const human = (context: MachineContext, incarnation: Incarnation, command: string) =>
  Effect.map(ask(context, incarnation, "human-monitor-command", { "command-line": command }), (answer) =>
    typeof answer === "string" ? answer : ""
  )

/** Runs a command of QEMU's monitor for people (HMP) and gives what it says. */
export const sendMonitorCommand = (context: MachineContext, command: string): Effect.Effect<string, OperationError> =>
  context.steps.step({ kind: "command", machine: context.name, title: `sending monitor command: ${command}` }, () =>
    Effect.flatMap(context.started, (incarnation) => human(context, incarnation, command))
  )

/** Whether an event is the one that is waited for. */
export type QmpEventFilter = (event: QmpEvent) => boolean | Effect.Effect<boolean, OperationError>

const firstOf = Effect.fnUntraced(function* ({ events }: Incarnation, filter: QmpEventFilter) {
  while (true) {
    const event = yield* Queue.take(events)
    const verdict = filter(event)
    if (typeof verdict === "boolean" ? verdict : yield* verdict) return event
  }
})

/** NixOS' driver gives events less time than other waits. */
const EVENT_LIMIT = "10min"

/**
 * Waits for an event of QEMU's that the filter takes, among those since the machine's start that no earlier wait has seen; others are dropped.
 * Limit 10 min.
 */
export const waitForQmpEvent = (
  context: MachineContext,
  filter: QmpEventFilter,
  options: WaitOptions = {}
): Effect.Effect<QmpEvent, OperationError> =>
  context.steps.step(
    { kind: "wait", machine: context.name, title: "waiting for an event of QEMU" },
    Effect.fnUntraced(function* () {
      const limitMs = yield* limitToMs(options.timeout ?? EVENT_LIMIT)
      const incarnation = yield* context.started
      // What has come is looked at also where it is the last word of a QEMU that is gone.
      return yield* Effect.raceFirst(firstOf(incarnation, filter), incarnation.death).pipe(
        Effect.timeoutOrElse({
          duration: limitMs,
          orElse: () => Effect.fail(waitFailure(context, "an event of QEMU", limitMs, "none that fits", []))
        })
      )
    })
  )

const setCarrier = (context: MachineContext, title: string, state: "on" | "off") =>
  context.steps.step(
    { kind: "command", machine: context.name, title },
    Effect.fnUntraced(function* () {
      const { nics } = context.plan
      if (nics.length === 0) return yield* notPossible(context, "this machine is in no network of the test")
      const incarnation = yield* context.started
      for (const { id } of nics) yield* human(context, incarnation, `set_link ${id} ${state}`)
    })
  )

/** Takes the carrier from the machine's NICs in the test's networks, as unplugged cables do. */
export const block = (context: MachineContext): Effect.Effect<void, OperationError> =>
  setCarrier(context, "unplugging the network cables", "off")

/** Gives the carrier back. */
export const unblock = (context: MachineContext): Effect.Effect<void, OperationError> =>
  setCarrier(context, "plugging the network cables in", "on")
