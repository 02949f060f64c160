/** Steps that a Python script opens and closes by two calls, as the brackets that steps are. */
import type { StepsShape } from "@nix-vm-test/core/machine/Steps"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { BadCall } from "./BadCall.ts"
import type { Operation } from "./Operation.ts"
import { operation } from "./Operation.ts"

const Open = Schema.Struct({
  kind: Schema.Literals(["subtest", "nested"]),
  title: Schema.String,
  machine: Schema.NullOr(Schema.String)
})

const Close = Schema.Struct({
  step: Schema.String,
  /** Why the step failed; null when it passed. */
  failure: Schema.NullOr(Schema.String)
})

type Closed = Deferred.Deferred<void, Error>

const openStep = Effect.fnUntraced(function* (
  open: Map<string, Closed>,
  steps: StepsShape,
  { kind, title, machine }: typeof Open.Type
) {
  const opened = yield* Deferred.make<string>()
  const closed: Closed = yield* Deferred.make<void, Error>()
  const step = steps.step({ kind, title, machine: machine ?? undefined }, (id) =>
    Effect.andThen(Deferred.succeed(opened, id), Deferred.await(closed))
  )
  yield* Effect.forkScoped(Effect.ignore(step))
  const id = yield* Deferred.await(opened)
  open.set(id, closed)
  return { value: id }
})

/** The two operations, over the steps of one script. */
export const stepOperations = (): Readonly<Record<"step.open" | "step.close", Operation>> => {
  const open = new Map<string, Closed>()
  return {
    "step.open": operation(Open, (args, { steps }) => openStep(open, steps, args)),
    "step.close": operation(Close, ({ step, failure }): Effect.Effect<Record<string, never>, BadCall, Scope.Scope> => {
      const closed = open.get(step)
      if (closed === undefined) return Effect.fail(new BadCall({ kind: "value", detail: `no step ${step} is open` }))
      open.delete(step)
      const end = failure === null ? Deferred.succeed(closed, undefined) : Deferred.fail(closed, new Error(failure))
      return Effect.as(end, {})
    })
  }
}
