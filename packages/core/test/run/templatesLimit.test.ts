import { assert, describe, it } from "@effect/vitest"
import { templatesLimit } from "@nix-vm-test/core/run/templatesLimit"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"

const under = (environment: Record<string, string>) =>
  Effect.provide(templatesLimit, ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment)))

describe("the limit for templates", () => {
  it.effect("is 10 GiB, or what the environment says", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* under({}), 10 * 1024 ** 3)
      assert.strictEqual(yield* under({ NIX_VM_TEST_TEMPLATES_LIMIT: "" }), 10 * 1024 ** 3)
      assert.strictEqual(yield* under({ NIX_VM_TEST_TEMPLATES_LIMIT: "500MiB" }), 500 * 1024 ** 2)
      assert.strictEqual(yield* under({ NIX_VM_TEST_TEMPLATES_LIMIT: "0B" }), 0)
    })
  )

  it.effect("is an error where that is no size", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(under({ NIX_VM_TEST_TEMPLATES_LIMIT: "much" }))
      assert.strictEqual(error.message, 'reading NIX_VM_TEST_TEMPLATES_LIMIT: "much" is no size such as 20GiB')
    })
  )
})
