import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
/** temporary */
export const doctor = Command.make("doctor", {}, () => Effect.void)
