/** The serial console of a machine over all its lives: what each QEMU process wrote, in one text. */
import * as Effect from "effect/Effect"

/** Bytes of console text that are kept for searching; what came before is in the run's files. */
const KEPT_CHARACTERS = 16 * 1024 * 1024

export interface MachineConsole {
  /** Takes what a console wrote, in order and decoded. */
  readonly append: (text: string) => void
  /** The whole text since the machine's first start. */
  readonly text: () => string
  readonly tail: (lines: number) => ReadonlyArray<string>
  /** The first match in the text that no earlier wait has matched; what it matched counts as seen from then on. */
  readonly waitForText: (pattern: RegExp) => Effect.Effect<string>
}

export const makeMachineConsole = (): MachineConsole => {
  let text = ""
  let seen = 0
  const waiters = new Set<() => void>()
  const search = (pattern: RegExp): string | undefined => {
    // Without the flags that give a pattern a memory of its own.
    const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/gu, "")).exec(text.slice(seen))
    if (match === null) return undefined
    seen += match.index + match[0].length
    return match[0]
  }
  return {
    append: (more) => {
      text += more.replaceAll("\r", "")
      if (text.length > KEPT_CHARACTERS) {
        const cut = text.length - KEPT_CHARACTERS
        text = text.slice(cut)
        seen = Math.max(0, seen - cut)
      }
      for (const look of [...waiters]) look()
    },
    text: () => text,
    tail: (lines) => text.replace(/\n$/u, "").split("\n").slice(-lines),
    waitForText: (pattern) =>
      Effect.callback<string>((resume) => {
        const look = (): void => {
          const match = search(pattern)
          if (match === undefined) return
          waiters.delete(look)
          resume(Effect.succeed(match))
        }
        waiters.add(look)
        look()
        return Effect.sync(() => waiters.delete(look))
      })
  }
}
