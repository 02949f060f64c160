/** Windows of the guest's X server, by `xwininfo` in the guest. */
import * as Effect from "effect/Effect"
import { outputEvidence, runQuietly } from "./commands.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { guestStep } from "./MachineContext.ts"
import { poll } from "./poll.ts"
import { TestFailure } from "./TestFailure.ts"
import type { TextPattern } from "./TextPattern.ts"
import { matcherOf } from "./TextPattern.ts"
import type { WaitOptions } from "./waits.ts"

/** The display of a machine's first X server; root is let in by the user's own authority file, where there is one. */
const inSession = (command: string): string => `
export DISPLAY=\${DISPLAY:-:0}
if [ -z "\${XAUTHORITY:-}" ]; then
  for file in /run/user/*/gdm/Xauthority /run/user/*/.Xauthority /home/*/.Xauthority; do
    if [ -e "$file" ]; then export XAUTHORITY=$file; break; fi
  done
fi
${command}`

const noXwininfo = 127

/** Waits until an X server accepts. Limit 15 min. */
export const waitForX = (context: MachineContext, options: WaitOptions = {}): Effect.Effect<void, OperationError> =>
  poll<void>(context, {
    title: "waiting for the X11 server",
    waitedFor: "an X server on display :0",
    timeout: options.timeout,
    attempt: Effect.fnUntraced(function* () {
      const result = yield* runQuietly(context, "test -S /tmp/.X11-unix/X0", { timeout: 60 })
      if (result.exitCode === 0) return { done: true, value: undefined } as const
      return { done: false, seen: "no socket /tmp/.X11-unix/X0" } as const
    })
  })

const windowNames = Effect.fnUntraced(function* (context: MachineContext) {
  const result = yield* runQuietly(context, inSession("xwininfo -root -tree"), { timeout: 60 })
  if (result.exitCode === 0) {
    return [...result.text.matchAll(/^\s*0x[0-9a-f]+ "(.*)":/gmu)].map(([, name = ""]) => name)
  }
  if (result.exitCode !== noXwininfo) return []
  return yield* new TestFailure({
    machine: context.name,
    reason: {
      _tag: "NotPossible",
      detail: "windows can't be listed: the guest has no xwininfo (Debian and Ubuntu have it in x11-utils)"
    },
    evidence: outputEvidence(result)
  })
})

/** The titles of all windows on the guest's X display `:0`. */
export const getWindowNames = (context: MachineContext): Effect.Effect<ReadonlyArray<string>, OperationError> =>
  guestStep(context, { kind: "command", title: "listing windows" }, () => windowNames(context))

/** Waits until a window's title matches. Limit 15 min. */
export const waitForWindow = (
  context: MachineContext,
  pattern: TextPattern,
  options: WaitOptions = {}
): Effect.Effect<void, OperationError> => {
  const matcher = matcherOf(pattern)
  return poll<void>(context, {
    title: `waiting for a window named ${matcher.shown}`,
    waitedFor: `a window named ${matcher.shown}`,
    timeout: options.timeout,
    attempt: Effect.fnUntraced(function* () {
      const names = yield* windowNames(context)
      for (const name of names) {
        if ((yield* matcher.find(name)) !== undefined) return { done: true, value: undefined } as const
      }
      return { done: false, seen: names.length === 0 ? "no window" : names.join(", ") } as const
    })
  })
}
