import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { runNode } from "../store/runNode.ts"

const Outcome = Schema.fromJsonString(
  Schema.Struct({
    tag: Schema.String,
    message: Schema.String,
    stack: Schema.String,
    logged: Schema.Array(Schema.String)
  })
)

/** What became of a script that ends like this. */
const outcomeOf = Effect.fnUntraced(function* (ending: string) {
  const { code, stdout, stderr } = yield* runNode({
    script: new URL("./children/endings.ts", import.meta.url),
    args: [ending]
  })
  assert.strictEqual(code, 0, stderr)
  return yield* Schema.decodeUnknownEffect(Outcome)(stdout)
})

describe("runLimited", () => {
  it.live.each([
    { ending: "exits", tag: "ScriptExited", message: "the script called process.exit(3)" },
    { ending: "exitsAndCatches", tag: "ScriptExited", message: "the script called process.exit(4)" },
    { ending: "rejectsUnawaited", tag: "ScriptThrew", message: "RangeError: nobody awaited this" },
    { ending: "throwsInTimer", tag: "ScriptThrew", message: "TypeError: thrown in a timer" },
    { ending: "leavesWorkBehind", tag: "ScriptThrew", message: "Error: the script's own end" },
    { ending: "sleeps", tag: "GlobalTimeout", message: "the test did not end within 1 s; still running: a long sleep" },
    {
      ending: "spins",
      tag: "GlobalTimeout",
      message: "the test did not end within 1 s; still running: a loop without an end"
    },
    {
      ending: "spinsAfterAwait",
      tag: "GlobalTimeout",
      message: "the test did not end within 1 s; still running: a later loop"
    }
  ])("ends a script that $ending as $tag", ({ ending, tag, message }) =>
    Effect.gen(function* () {
      const outcome = yield* outcomeOf(ending)
      assert.strictEqual(outcome.tag, tag, outcome.message)
      assert.include(outcome.message, message)
      if (tag !== "GlobalTimeout") assert.include(outcome.stack, "endings.ts:")
    })
  )

  it.live("lets the finalizers of an Effect that is too slow run", () =>
    Effect.gen(function* () {
      const { tag, logged } = yield* outcomeOf("effectFinalizes")
      assert.strictEqual(tag, "GlobalTimeout")
      assert.deepStrictEqual(logged, ["tidied up"])
    })
  )
})
