/** A time that runs, as a clock shows it: `0:07`, `12:30`. */
export const formatClock = (milliseconds: number): string => {
  const seconds = Math.floor(milliseconds / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}
