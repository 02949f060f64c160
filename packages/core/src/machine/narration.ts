/** What a script says about itself: lines, groups, pauses. */
import * as Effect from "effect/Effect"
import type { MachineContext } from "./MachineContext.ts"
import { CurrentStep } from "./Steps.ts"
import type { TimeLimit } from "./TimeLimit.ts"
import { limitToMs } from "./TimeLimit.ts"

/** Writes a line to the report. */
export const log = Effect.fnUntraced(function* (context: MachineContext, text: string) {
  const step = yield* CurrentStep
  yield* context.bus.publish({
    _tag: "Log",
    level: "info",
    text,
    machine: context.name,
    ...(step === undefined ? {} : { step })
  })
})

/** Groups what an effect does under one title in the report. */
export const nested = <A, E, R>(context: MachineContext, title: string, effect: Effect.Effect<A, E, R>) =>
  context.steps.step({ kind: "nested", machine: context.name, title }, () => effect)

/** Sleeps for the given time of the host's clock. */
export const sleep = (context: MachineContext, time: TimeLimit) =>
  context.steps.step(
    { kind: "wait", machine: context.name, title: `sleeping ${time}${typeof time === "number" ? " s" : ""}` },
    () => Effect.flatMap(limitToMs(time), Effect.sleep)
  )
