const kibibyte = 1024
const mebibyte = 1024 ** 2
const gibibyte = 1024 ** 3

/** Bytes as people compare them: whole KiB or MiB, from 1 GiB on GiB with one digit. */
export const sizeText = (bytes: number): string => {
  if (bytes >= gibibyte) return `${(bytes / gibibyte).toFixed(1)} GiB`
  return bytes >= mebibyte ? `${Math.ceil(bytes / mebibyte)} MiB` : `${Math.ceil(bytes / kibibyte)} KiB`
}
