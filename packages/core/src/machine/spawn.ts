/** Commands that run while the script goes on. */
import * as Effect from "effect/Effect"
import type { Command } from "./commands.ts"
import { commandInGuest, commandText } from "./commands.ts"
import type { MachineContext } from "./MachineContext.ts"
import { limitToMs } from "./TimeLimit.ts"
import type { TimeLimit } from "./TimeLimit.ts"

export interface SpawnOptions {
  /** When the guest kills the whole process group; default never. */
  readonly timeout?: TimeLimit
  /** Variables added to those of a root login. */
  readonly env?: Readonly<Record<string, string>>
  /** Working directory; default the user's home. */
  readonly cwd?: string
  /** Default root. */
  readonly user?: string
  /** `set -euo pipefail` before shell code; default true. */
  readonly strict?: boolean
  /** Runs on a pseudo-terminal of this size: stderr is part of stdout, stdin is the keyboard. */
  readonly terminal?: { readonly rows: number; readonly columns: number }
  /** Leaves stdin open for `write`; default false: the command reads end of file. */
  readonly interactiveStdin?: boolean
}

/** Starts a command; its process group is killed when the Scope closes. */
export const spawn = Effect.fnUntraced(function* (
  context: MachineContext,
  command: Command,
  options: SpawnOptions = {}
) {
  const timeoutMs = options.timeout === undefined ? undefined : yield* limitToMs(options.timeout)
  yield* context.bus.publish({
    _tag: "Log",
    level: "info",
    machine: context.name,
    text: `started: ${commandText(command)}`
  })
  return yield* commandInGuest(context, command, (channel) =>
    channel.spawn({
      command,
      timeoutMs,
      env: options.env,
      cwd: options.cwd,
      user: options.user,
      strict: options.strict,
      terminal: options.terminal,
      interactiveStdin: options.interactiveStdin
    })
  )
})
