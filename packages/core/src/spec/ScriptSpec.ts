/** Where a test's script is when it does not define the test itself. */
import * as Schema from "effect/Schema"

/** A file (its ending says the language: `.ts`, `.mts`, `.js`, `.mjs`, `.py`), or Python source text. */
export const ScriptSpec = Schema.Union([
  Schema.Struct({
    file: Schema.String.check(
      Schema.isPattern(/\.(?:m?ts|m?js|py)$/u, { expected: "a file that ends in .ts, .mts, .js, .mjs or .py" })
    ).annotate({ description: "A TypeScript, JavaScript or Python file; relative to the spec's folder." })
  }),
  Schema.Struct({ python: Schema.String.annotate({ description: "Python source text." }) })
]).annotate({ expected: `{ "file": "./test.py" } or { "python": "…" }` })
export type ScriptSpec = typeof ScriptSpec.Type
