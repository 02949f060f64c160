/** A shell in the guest for the person at this terminal. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { GuestChannel, GuestProcess } from "../guest/GuestChannel.ts"
import type { GuestError } from "../guest/GuestError.ts"
import { makeEscapeKeys } from "../host/escapeKeys.ts"
import { isAtTerminal, takeTerminal } from "../host/LocalTerminal.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { guestStep, inGuest } from "./MachineContext.ts"
import { TestFailure } from "./TestFailure.ts"

/** No login shell: it has the environment of a test's commands, and is there in half the time. */
const program = ["bash"]

/** Waits until it was taken, so that a slow terminal slows the guest's command down. */
const write = (bytes: Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => {
    process.stdout.write(bytes, () => resume(Effect.void))
  })

/** Shows what the process writes until it has ended. */
const show = (guest: GuestProcess): Effect.Effect<number, GuestError> =>
  guest.output.pipe(
    Stream.runForEach(({ bytes }) => write(bytes)),
    Effect.andThen(guest.exit),
    Effect.map(({ exitCode }) => exitCode)
  )

/** Runs a root shell at the terminal to its end and gives its exit code. Interrupted when the person typed the way out. */
export const shellAtTerminal = Effect.fnUntraced(function* (channel: GuestChannel) {
  const terminal = yield* takeTerminal
  const guest = yield* channel
    .spawn({ command: program, terminal: terminal.size() })
    .pipe(Effect.onError(() => terminal.reset))
  const isEscape = makeEscapeKeys()
  const typed = terminal.keys.pipe(
    Stream.takeWhile((bytes) => !isEscape(bytes, performance.now())),
    // Without a reader the keys go nowhere: the shell is about to end.
    Stream.runForEach((bytes) => Effect.ignore(guest.write(bytes))),
    Effect.andThen(Effect.interrupt)
  )
  const resized = Stream.runForEach(terminal.resizes, guest.resize)
  yield* Effect.forkScoped(resized, { startImmediately: true })
  return yield* Effect.raceFirst(show(guest), typed).pipe(Effect.onError(() => terminal.reset))
}, Effect.scoped)

const noTerminal = new TestFailure({
  reason: { _tag: "NotPossible", detail: "a shell needs a terminal, and this run has none" },
  evidence: []
})

/** A shell in the midst of a test; the report waits meanwhile. Gives its exit code. */
export const shell = (context: MachineContext): Effect.Effect<number, OperationError> => {
  const telling = (taken: boolean) => context.bus.publish({ _tag: "TerminalTaken", machine: context.name, taken })
  return isAtTerminal()
    ? guestStep(context, { kind: "command", title: "a shell at the terminal" }, () =>
        Effect.acquireUseRelease(
          telling(true),
          () => inGuest(context, shellAtTerminal),
          () => telling(false)
        )
      )
    : Effect.fail(noTerminal)
}
