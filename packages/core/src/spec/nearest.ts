import { distance } from "fastest-levenshtein"

/**
 * The known word that was probably meant: one whose beginning was written, else one that differs in few letters (a third of the word,
 * at least one). None where nothing is that close.
 */
export const nearest = (word: string, known: ReadonlyArray<string>): string | undefined => {
  const wanted = word.toLowerCase()
  const costs = known.map((candidate) => {
    const lower = candidate.toLowerCase()
    return { candidate, cost: wanted.length >= 3 && lower.startsWith(wanted) ? 0.5 : distance(wanted, lower) }
  })
  const best = costs.reduce<{ candidate: string; cost: number } | undefined>(
    (least, next) => (least === undefined || next.cost < least.cost ? next : least),
    undefined
  )
  return best !== undefined && best.cost <= Math.max(1, Math.floor(wanted.length / 3)) ? best.candidate : undefined
}
