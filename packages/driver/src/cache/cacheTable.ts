import type { CacheEntry } from "@nix-vm-test/core/store/cacheContents"
import { alignColumns } from "../alignColumns.ts"
import { sizeText } from "../sizeText.ts"

/** As many digits as tell one key from another. */
const keyDigits = 12

const total = (entries: ReadonlyArray<CacheEntry>): number => entries.reduce((sum, { bytes }) => sum + bytes, 0)

/** A long run of hexadecimal digits is cut: its beginning is enough to know it again. */
const shortName = (name: string): string => name.replaceAll(/[0-9a-f]{24,}/gu, (hex) => hex.slice(0, keyDigits))

const nameText = ({ name, title, imported }: CacheEntry): string =>
  `${shortName(name)}${title === undefined ? "" : ` (${title})`}${imported ? ", imported" : ""}`

/** Local time, to the minute. */
const timeText = (time: Date): string => {
  const two = (value: number): string => String(value).padStart(2, "0")
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`
}

const columns = [
  { title: "kind" },
  { title: "size", align: "right" },
  { title: "last used" },
  { title: "name" }
] as const

/** One line an entry, and a last one with their sum. */
export const cacheTable = (entries: ReadonlyArray<CacheEntry>): string =>
  alignColumns(columns, [
    ...entries.map((entry) => [
      entry.kind,
      sizeText(entry.bytes),
      entry.inUse ? "in use" : timeText(entry.lastUsed),
      nameText(entry)
    ]),
    ["total", sizeText(total(entries)), "", ""]
  ])
