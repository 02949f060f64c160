/** Defines a test: its machines and its script in one file. */
import type { MachineSpecInput } from "../spec/MachineSpec.ts"
import type { EffectScriptContext, ScriptBody, ScriptContext, TestDefinition, TestOptions } from "./TestDefinition.ts"
import { definitionKey } from "./TestDefinition.ts"
import type * as Effect from "effect/Effect"

type Machines = Readonly<Record<string, MachineSpecInput>>

const definition = (body: ScriptBody, options?: TestOptions<Machines>): TestDefinition => ({
  [definitionKey]: 1,
  spec: options,
  body
})

/**
 * Defines a test; the file's default export. The script's argument has one handle for each machine, by name.
 *
 * `defineTest.effect` is the same for scripts that give an Effect.
 */
export const defineTest = Object.assign(
  <const M extends Machines>(
    test: TestOptions<M> & { readonly script: (context: ScriptContext<keyof M & string>) => unknown }
  ): TestDefinition => {
    const { script, ...options } = test
    return definition({ style: "promise", script }, options)
  },
  {
    effect: <const M extends Machines>(
      test: TestOptions<M> & {
        readonly script: (context: EffectScriptContext<keyof M & string>) => Effect.Effect<unknown, unknown>
      }
    ): TestDefinition => {
      const { script, ...options } = test
      return definition({ style: "effect", script }, options)
    }
  }
)

/**
 * A script for machines that a spec elsewhere describes (JSON, Nix); the file's default export. Their names may be given as a type:
 * `testScript<"server" | "client">(async ({ server, client }) => …)`.
 *
 * `testScript.effect` is the same for scripts that give an Effect.
 */
export const testScript = Object.assign(
  <Names extends string>(script: (context: ScriptContext<Names>) => unknown): TestDefinition =>
    definition({ style: "promise", script }),
  {
    effect: <Names extends string>(
      script: (context: EffectScriptContext<Names>) => Effect.Effect<unknown, unknown>
    ): TestDefinition => definition({ style: "effect", script })
  }
)
