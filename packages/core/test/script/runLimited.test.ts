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
    ["exits", "ScriptExited", "the script called process.exit(3)"],
    ["exitsAndCatches", "ScriptExited", "the script called process.exit(4)"],
    ["rejectsUnawaited", "ScriptThrew", "RangeError: nobody awaited this"],
    ["throwsInTimer", "ScriptThrew", "TypeError: thrown in a timer"],
    ["leavesWorkBehind", "ScriptThrew", "Error: the script's own end"],
    ["sleeps", "GlobalTimeout", "the test did not end within 1 s; still running: a long sleep"],
    ["spins", "GlobalTimeout", "the test did not end within 1 s; still running: a loop without an end"],
    ["spinsAfterAwait", "GlobalTimeout", "the test did not end within 1 s; still running: a later loop"]
  ])("ends a script that %s as %s", ([ending, tag, message]) =>
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
