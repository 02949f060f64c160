/** Regular expressions of Python: the script is asked where they match. */
import type { TextMatcher } from "@nix-vm-test/core/guest/TextMatcher"
import type { OperationError } from "@nix-vm-test/core/machine/MachineContext"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { CallContext } from "./Operation.ts"

const decodeSpan = Schema.decodeUnknownOption(Schema.Tuple([Schema.Int, Schema.Int]))

/** The matcher of the call's regular expression; `shown` is how it is written. */
export const askedMatcher = (shown: string, { ask }: CallContext): TextMatcher<OperationError> => ({
  shown,
  find: (text) =>
    Effect.map(ask(null, [Buffer.from(text)]), (answer) =>
      Option.match(decodeSpan(answer), {
        onNone: () => undefined,
        onSome: ([start, end]) => ({ text: text.slice(start, end), start, end })
      })
    )
})
