/** Least time between two reports about one thing, milliseconds: a piece of a file comes every few of them. */
const intervalMs = 200

export interface Amount {
  readonly doneBytes: number
  /** Absent while it is not known. */
  readonly totalBytes?: number | undefined
}

/** Passes on the first report, one now and then, and that of the end. */
export const occasionally = <Progress extends Amount>(report: (progress: Progress) => void) => {
  let last = -Infinity
  return (progress: Progress): void => {
    const now = performance.now()
    if (now - last < intervalMs && progress.doneBytes !== progress.totalBytes) return
    last = now
    report(progress)
  }
}
