/** The last console lines of each machine, kept for a report that shows them only where something failed. */

const limit = 100

export interface ConsoleTails {
  readonly add: (machine: string, line: string) => void
  readonly lines: (machine: string) => ReadonlyArray<string>
}

export const makeConsoleTails = (): ConsoleTails => {
  const tails = new Map<string, Array<string>>()
  return {
    add: (machine, line) => {
      const tail = tails.get(machine) ?? []
      tail.push(line)
      if (tail.length > limit) tail.shift()
      tails.set(machine, tail)
    },
    lines: (machine) => tails.get(machine) ?? []
  }
}
