/** The serial console's text, as tests wait for it. */
import * as Effect from "effect/Effect"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { waitFailure } from "./poll.ts"
import type { TimeLimit } from "./TimeLimit.ts"
import { limitToMs } from "./TimeLimit.ts"

export interface ConsoleTextOptions {
  /** Default 15 min. */
  readonly timeout?: TimeLimit
}

/** How long the last text of a guest that died may be on its way. */
const LAST_WORDS = "500 millis"

/** Waits for text on the serial console that no earlier call has matched; gives the match. */
export const waitForConsoleText = (
  context: MachineContext,
  pattern: RegExp | string,
  options: ConsoleTextOptions = {}
): Effect.Effect<string, OperationError> =>
  context.steps.step(
    { kind: "wait", machine: context.name, title: `waiting for console text ${pattern}` },
    Effect.fnUntraced(function* () {
      const timeoutMs = options.timeout === undefined ? context.limits.waitMs() : yield* limitToMs(options.timeout)
      const incarnation = yield* context.started
      const wait = context.console.waitForText(typeof pattern === "string" ? new RegExp(pattern, "u") : pattern)
      const text = Effect.map(wait, ([match]) => match)
      // A console that ended is only the symptom; and what a guest wrote last may come after the news of its end.
      const found = Effect.catch(text, () => incarnation.death)
      const death = Effect.catch(incarnation.death, (error) =>
        Effect.andThen(Effect.sleep(LAST_WORDS), Effect.fail(error))
      )
      return yield* Effect.raceFirst(found, death).pipe(
        Effect.timeoutOrElse({
          duration: timeoutMs,
          orElse: () =>
            Effect.fail(
              waitFailure(
                context,
                `console text ${pattern}`,
                timeoutMs,
                context.console.tail(1).join("") || "an empty console",
                []
              )
            )
        })
      )
    })
  )

/** The serial console's whole text since the machine's first start. */
export const getConsoleLog = (context: MachineContext): Effect.Effect<string> =>
  Effect.sync(() => context.console.text())
