/** Random numbers that a seed repeats: faults of a test must come again with it. */

/** A generator of numbers from 0 up to 1 (mulberry32: 32 bits of state, a period of 2^32). */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** A seed of its own for each of several things that share one, such as the links of a network. */
export const derivedSeed = (seed: number, ...numbers: ReadonlyArray<number>): number =>
  numbers.reduce((mixed, number) => Math.imul(mixed ^ number, 0x9e3779b1) >>> 0, seed >>> 0)
