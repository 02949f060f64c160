/** One shell in a running guest: at the terminal of a person, or fed from stdin. Gives its exit code. */
import type { GuestChannel, GuestProcess } from "@nix-vm-test/core/guest/GuestChannel"
import type { GuestError } from "@nix-vm-test/core/guest/GuestError"
import { isAtTerminal } from "@nix-vm-test/core/host/LocalTerminal"
import { shellAtTerminal } from "@nix-vm-test/core/machine/shell"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
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

const fedFromStdin = Effect.fnUntraced(function* (channel: GuestChannel) {
  return yield* show(yield* channel.spawn({ command: shell, stdin: stdinBytes }))
})

/** Runs a root shell to its end. Interrupted when the person typed the way out. */
export const runShell = (channel: GuestChannel): Effect.Effect<number, GuestError, Scope.Scope> =>
  isAtTerminal() ? shellAtTerminal(channel) : fedFromStdin(channel)
