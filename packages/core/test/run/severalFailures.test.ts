import { assert, it } from "@effect/vitest"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import { withLastWords } from "@nix-vm-test/core/run/withLastWords"
import { failWithAll } from "@nix-vm-test/core/script/runScript"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

const failure = (detail: string) => new TestFailure({ reason: { _tag: "NotPossible", detail }, evidence: [] })

it.effect("several failures of a script come through what explains a machine's death", () =>
  Effect.gen(function* () {
    const failures = [failure("one"), failure("two")]
    const cause = yield* Effect.flip(Effect.sandbox(withLastWords(failWithAll(failures), [])))
    assert.deepStrictEqual(
      cause.reasons.filter(Cause.isFailReason).map(({ error }) => error),
      failures
    )
  }).pipe(Effect.provide(runServices), Effect.scoped)
)
