/** One operation that a Python script can ask for: the form of its arguments, and what it does. */
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import type { OperationError } from "@nix-vm-test/core/machine/MachineContext"
import type { ScriptHost } from "@nix-vm-test/core/script/TestDefinition"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { BadCall } from "./BadCall.ts"

export interface Answer {
  readonly value?: Schema.Json
  readonly parts?: ReadonlyArray<Uint8Array>
}

/** What operations work with beside their arguments. */
export interface CallContext extends ScriptHost {
  /** Byte strings that came with the call. */
  readonly parts: ReadonlyArray<Uint8Array>
  /** Asks the script that waits for the call. */
  readonly ask: (value: Schema.Json, parts?: ReadonlyArray<Uint8Array>) => Effect.Effect<unknown>
}

/** What an operation may fail with; its resources live as long as the script. */
export type Operation = (
  args: unknown,
  context: CallContext
) => Effect.Effect<Answer, OperationError | BadCall, Scope.Scope>

const decoderOf = <A>(schema: Schema.ConstraintDecoder<A>) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (args: unknown): Effect.Effect<A, BadCall> =>
    Effect.mapError(decode(args), (error) => new BadCall({ kind: "type", detail: error.message }))
}

/** An operation from the schema of its arguments and its function. */
export const operation = <A>(
  schema: Schema.ConstraintDecoder<A>,
  run: (args: A, context: CallContext) => Effect.Effect<Answer, OperationError | BadCall, Scope.Scope>
): Operation => {
  const decode = decoderOf(schema)
  return (args, context) => Effect.flatMap(decode(args), (decoded) => run(decoded, context))
}

const decodeName = Schema.decodeUnknownOption(Schema.Struct({ machine: Schema.String }))

/** An operation on one machine, which the arguments name. */
export const machineOperation = <A>(
  schema: Schema.ConstraintDecoder<A>,
  run: (machine: Machine, args: A, context: CallContext) => Effect.Effect<Answer, OperationError | BadCall, Scope.Scope>
): Operation => {
  const decode = decoderOf(schema)
  return (args, context) =>
    Effect.gen(function* () {
      const name = Option.map(decodeName(args), ({ machine }) => machine)
      const machine = Option.isSome(name) ? context.machines[name.value] : undefined
      if (machine === undefined) return yield* new BadCall({ kind: "value", detail: "the call names no machine" })
      return yield* run(machine, yield* decode(args), context)
    })
}
