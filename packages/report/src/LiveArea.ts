/** Lines at the terminal's end that are drawn again and again, below the text that stays. */

export interface LiveArea {
  /** Text that stays, ended by a line end, and the live lines below it. */
  readonly draw: (options: { readonly text: string; readonly live: ReadonlyArray<string> }) => void
}

const up = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A`)
const eraseBelow = "\u001b[J"
// Without wrapping a live line is one row, however wide its characters are: what does not fit is cut off by the terminal.
const noWrap = "\u001b[?7l"
const wrap = "\u001b[?7h"

export const makeLiveArea = (write: (text: string) => void): LiveArea => {
  let drawn: ReadonlyArray<string> = []
  return {
    draw: ({ text, live }) => {
      const same = text === "" && live.length === drawn.length && live.every((line, index) => line === drawn[index])
      if (same) return
      const erase = drawn.length === 0 ? "" : `\r${up(drawn.length)}${eraseBelow}`
      const area = live.length === 0 ? "" : `${noWrap}${live.map((line) => `${line}\n`).join("")}${wrap}`
      drawn = live
      write(`${erase}${text}${area}`)
    }
  }
}
