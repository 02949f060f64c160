/** Replaces secrets in text, also in text that comes in pieces. */

export interface SecretMask {
  /** The text with every secret replaced. */
  readonly whole: (text: string) => string
  /** A mask for one stream of pieces: what could be the beginning of a secret is kept back until the next piece or the end. */
  readonly stream: () => { readonly push: (piece: string) => string; readonly end: () => string }
}

const replacement = "***"

/**
 * A secret is masked as a whole, and each line of a secret of several lines by itself, since output is shown by lines. Longer ones come first,
 * so that a secret within another does not leave the rest of it.
 */
const targetsOf = (secrets: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(
    secrets
      .flatMap((secret) => [secret, ...secret.split(/\r?\n/u)])
      .filter((target) => target.trim() !== "")
      .toSorted((left, right) => right.length - left.length)
  )
]

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)

export const makeSecretMask = (secrets: ReadonlyArray<string>): SecretMask => {
  const targets = targetsOf(secrets)
  const longest = targets[0]?.length ?? 0
  // Of several that begin at one place the first alternative, the longest, is taken. An empty class matches nothing.
  const pattern = new RegExp(targets.length === 0 ? "[]" : targets.map(escaped).join("|"), "g")

  const whole = (text: string): string => text.replaceAll(pattern, replacement)

  /** First place between `from` and `to` where a target may begin that the text's end cuts off. */
  const openFrom = (text: string, from: number, to: number): number | undefined => {
    for (let place = Math.max(from, text.length - longest + 1); place <= to && place < text.length; place++) {
      const end = text.slice(place)
      if (targets.some((target) => target.length > end.length && target.startsWith(end))) return place
    }
    return undefined
  }

  const stream = () => {
    let kept = ""
    const push = (piece: string): string => {
      const text = kept + piece
      let masked = ""
      let position = 0
      for (const match of text.matchAll(pattern)) {
        if (openFrom(text, position, match.index) !== undefined) break
        masked += text.slice(position, match.index) + replacement
        position = match.index + match[0].length
      }
      const open = openFrom(text, position, text.length) ?? text.length
      kept = text.slice(open)
      return masked + text.slice(position, open)
    }
    const end = (): string => {
      const rest = whole(kept)
      kept = ""
      return rest
    }
    return { push, end }
  }
  return { whole, stream }
}
