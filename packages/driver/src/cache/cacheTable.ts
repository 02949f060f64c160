import type { CacheEntry } from "@nix-vm-test/core/store/cacheContents"

/** As many digits as tell one key from another. */
const keyDigits = 12

const kibibyte = 1024
const mebibyte = 1024 ** 2
const gibibyte = 1024 ** 3

/** Bytes as people compare them: whole KiB or MiB, from 1 GiB on GiB with one digit. */
export const sizeText = (bytes: number): string => {
  if (bytes >= gibibyte) return `${(bytes / gibibyte).toFixed(1)} GiB`
  return bytes >= mebibyte ? `${Math.ceil(bytes / mebibyte)} MiB` : `${Math.ceil(bytes / kibibyte)} KiB`
}

const total = (entries: ReadonlyArray<CacheEntry>): number => entries.reduce((sum, { bytes }) => sum + bytes, 0)

/** A long run of hexadecimal digits is cut: its beginning is enough to know it again. */
const shortName = (name: string): string => name.replaceAll(/[0-9a-f]{24,}/gu, (hex) => hex.slice(0, keyDigits))

const nameText = ({ name, title }: CacheEntry): string =>
  title === undefined ? shortName(name) : `${shortName(name)} (${title})`

/** Local time, to the minute. */
const timeText = (time: Date): string => {
  const two = (value: number): string => String(value).padStart(2, "0")
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`
}

/** One line an entry, and a last one with their sum. */
export const cacheTable = (entries: ReadonlyArray<CacheEntry>): string => {
  const rows = entries.map((entry) => ({
    kind: entry.kind,
    size: sizeText(entry.bytes),
    used: entry.inUse ? "in use" : timeText(entry.lastUsed),
    name: nameText(entry)
  }))
  const sum = { kind: "total", size: sizeText(total(entries)), used: "", name: "" }
  const header = { kind: "kind", size: "size", used: "last used", name: "name" }
  const table = [header, ...rows, sum]
  const width = (column: "kind" | "size" | "used"): number => Math.max(...table.map((row) => row[column].length))
  const widths = { kind: width("kind"), size: width("size"), used: width("used") }
  return table
    .map(({ kind, size, used, name }) =>
      `${kind.padEnd(widths.kind)}  ${size.padStart(widths.size)}  ${used.padEnd(widths.used)}  ${name}`.trimEnd()
    )
    .join("\n")
}
