/** The way out of a guest that does not answer any more, where Ctrl-C goes to the guest: Ctrl-] three times within a second. */

const ESCAPE = 0x1d
const TIMES = 3
const WITHIN_MS = 1000

/** A function that is shown all keys and the time, in milliseconds, and tells when the way out was typed. */
export const makeEscapeKeys = (): ((bytes: Uint8Array, now: number) => boolean) => {
  let pressed: ReadonlyArray<number> = []
  return (bytes, now) => {
    for (const byte of bytes) {
      pressed = byte === ESCAPE ? [...pressed.filter((time) => now - time <= WITHIN_MS), now] : []
      if (pressed.length === TIMES) return true
    }
    return false
  }
}
