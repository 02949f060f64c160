/** How much of the disk templates may take. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ByteSize } from "../spec/ByteSize.ts"
import { TemplateError } from "./TemplateError.ts"

const variable = "NIX_VM_TEST_TEMPLATES_LIMIT"
const defaultBytes = 10 * 1024 ** 3

/** Bytes: `$NIX_VM_TEST_TEMPLATES_LIMIT`, a size such as `20GiB`, else 10 GiB. */
export const templatesLimit: Effect.Effect<number, TemplateError> = Effect.gen(function* () {
  const text = yield* Effect.orElseSucceed(Config.option(Config.String(variable)), Option.none<string>)
  if (Option.isNone(text) || text.value === "") return defaultBytes
  return yield* Schema.decodeEffect(ByteSize)(text.value).pipe(
    Effect.mapError(
      () => new TemplateError({ step: `reading ${variable}`, detail: `"${text.value}" is no size such as 20GiB` })
    )
  )
})
