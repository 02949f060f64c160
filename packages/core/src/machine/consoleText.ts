/** The serial console, as tests read it, wait for its text and type on it. */
import * as Effect from "effect/Effect"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { waitFailure } from "./poll.ts"
import type { TextPattern } from "./TextPattern.ts"
import { matcherOf } from "./TextPattern.ts"
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
  pattern: TextPattern,
  options: ConsoleTextOptions = {}
): Effect.Effect<string, OperationError> => {
  const matcher = matcherOf(pattern)
  return context.steps.step(
    { kind: "wait", machine: context.name, title: `waiting for ${matcher.shown} to appear on console` },
    Effect.fnUntraced(function* () {
      const timeoutMs = options.timeout === undefined ? context.limits.waitMs() : yield* limitToMs(options.timeout)
      const incarnation = yield* context.started
      // A console that ended is only the symptom; and what a guest wrote last may come after the news of its end.
      const found = context.console.waitForText(matcher).pipe(
        Effect.map(({ text }) => text),
        Effect.catchTag("GuestError", () => incarnation.death)
      )
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
                `console text ${matcher.shown}`,
                timeoutMs,
                context.console.tail(1).join("") || "an empty console",
                []
              )
            )
        })
      )
    })
  )
}

/** The serial console's whole text since the machine's first start. */
export const getConsoleLog = (context: MachineContext): Effect.Effect<string> =>
  Effect.sync(() => context.console.text())

/** Types on the serial console. */
export const sendConsole = (context: MachineContext, text: string): Effect.Effect<void, OperationError> =>
  Effect.flatMap(context.started, ({ serial, death }) =>
    Effect.catch(serial.send(new TextEncoder().encode(text)), () => death)
  )
