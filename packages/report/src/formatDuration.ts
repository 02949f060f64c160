const padded = (value: number): string => String(value).padStart(2, "0")

/** A duration for readers: `0.02 s`, `14.2 s`, `1 min 05 s`, `2 h 03 min`. */
export const formatDuration = (milliseconds: number): string => {
  const seconds = Math.max(0, milliseconds) / 1000
  // Below what would be rounded up to 60.0 s.
  if (seconds < 10) return `${seconds.toFixed(2)} s`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${padded(whole % 60)} s`
    : `${Math.floor(whole / 3600)} h ${padded(Math.floor((whole % 3600) / 60))} min`
}
