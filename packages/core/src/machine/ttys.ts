/** The text on the guest's virtual terminals. */
import * as Effect from "effect/Effect"
import type { CommandResult } from "./commands.ts"
import { outputEvidence, runQuietly } from "./commands.ts"
import { evidenceOf } from "./evidence.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { guestStep } from "./MachineContext.ts"
import { poll } from "./poll.ts"
import { TestFailure } from "./TestFailure.ts"
import type { TextPattern } from "./TextPattern.ts"
import { matcherOf } from "./TextPattern.ts"
import type { WaitOptions } from "./waits.ts"

/** The number of a virtual terminal, such as 1 for `/dev/tty1`. */
export type TtyNumber = number | string

/** The kernel's screen memory has no line ends: `fold` makes them, at the terminal's width. */
const screenScript = (tty: TtyNumber): ReadonlyArray<string> => [
  "bash",
  "-c",
  `set -euo pipefail
size=$(stty size -F "/dev/tty$1")
fold --width="\${size#* }" "/dev/vcs$1"`,
  "screen",
  String(tty)
]

const orRefused = Effect.fnUntraced(function* (context: MachineContext, tty: TtyNumber, result: CommandResult) {
  if (result.exitCode === 0) return result.text
  return yield* new TestFailure({
    machine: context.name,
    reason: {
      _tag: "NotPossible",
      detail: `the screen of tty${tty} can't be read: is there such a terminal, and has the guest's kernel virtual ones?`
    },
    evidence: outputEvidence(result)
  })
})

const screenOf = (context: MachineContext, tty: TtyNumber): Effect.Effect<string, OperationError> =>
  Effect.flatMap(runQuietly(context, screenScript(tty), { timeout: 60 }), (result) => orRefused(context, tty, result))

/** What stands on a virtual terminal, line by line. */
export const getTtyText = (context: MachineContext, tty: TtyNumber): Effect.Effect<string, OperationError> =>
  guestStep(context, { kind: "command", title: `reading the screen of tty${tty}` }, () => screenOf(context, tty))

/** Waits until the text on a virtual terminal matches. Limit 15 min. */
export const waitUntilTtyMatches = (
  context: MachineContext,
  tty: TtyNumber,
  pattern: TextPattern,
  options: WaitOptions = {}
): Effect.Effect<void, OperationError> => {
  const matcher = matcherOf(pattern)
  return poll<void>(context, {
    title: `waiting for ${matcher.shown} to appear on tty ${tty}`,
    waitedFor: `${matcher.shown} to appear on tty ${tty}`,
    timeout: options.timeout,
    attempt: Effect.fnUntraced(function* () {
      const text = yield* screenOf(context, tty)
      if ((yield* matcher.find(text)) !== undefined) return { done: true, value: undefined } as const
      const shown = text.trimEnd()
      return {
        done: false,
        seen: shown === "" ? "an empty screen" : (shown.split("\n").at(-1) ?? "").trim(),
        evidence: evidenceOf(`the screen of tty${tty}`, shown)
      } as const
    })
  })
}

/** Writes what stands on a virtual terminal into the guest's journal, which most guests show on their console. */
export const dumpTtyContents = (context: MachineContext, tty: TtyNumber): Effect.Effect<void, OperationError> =>
  guestStep(
    context,
    { kind: "command", title: `writing the screen of tty${tty} to the journal` },
    Effect.fnUntraced(function* () {
      const text = yield* screenOf(context, tty)
      const result = yield* runQuietly(context, ["systemd-cat", `--identifier=tty${tty}`, "cat"], { stdin: text })
      yield* orRefused(context, tty, result)
    })
  )
