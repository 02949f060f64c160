/** One shell in a running guest: at the terminal of a person, or fed from stdin. Gives its exit code. */
import type { GuestChannel, GuestProcess } from "@nix-vm-test/core/guest/GuestChannel"
import type { GuestError } from "@nix-vm-test/core/guest/GuestError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { makeEscapeKeys } from "./escapeKeys.ts"
import { isAtTerminal, takeTerminal } from "./LocalTerminal.ts"
import { stdinBytes, writeBytes } from "./standardStreams.ts"

/** No login shell: it has the environment of a test's commands, and is there in half the time. */
const shell = ["bash"]

/** Shows what the process writes until it has ended. */
const show = (guest: GuestProcess): Effect.Effect<number, GuestError> =>
  guest.output.pipe(
    Stream.runForEach(({ stream, bytes }) => writeBytes(process[stream], bytes)),
    Effect.andThen(guest.exit),
    Effect.map(({ exitCode }) => exitCode)
  )

const interactive = Effect.fnUntraced(function* (channel: GuestChannel) {
  const terminal = yield* takeTerminal
  const guest = yield* channel
    .spawn({ command: shell, terminal: terminal.size() })
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
})

const fedFromStdin = Effect.fnUntraced(function* (channel: GuestChannel) {
  return yield* show(yield* channel.spawn({ command: shell, stdin: stdinBytes }))
})

/** Runs a root shell to its end. Interrupted when the person typed the way out. */
export const runShell = (channel: GuestChannel): Effect.Effect<number, GuestError, Scope.Scope> =>
  isAtTerminal() ? interactive(channel) : fedFromStdin(channel)
