/** A column's title; those of numbers are aligned to the right. */
export interface Column {
  readonly title: string
  readonly align?: "right"
}

/** A table without lines: each column as wide as its widest cell, two spaces between them. */
export const alignColumns = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const table = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, index) => Math.max(...table.map((row) => (row[index] ?? "").length)))
  const cell = (text: string, index: number): string =>
    columns[index]?.align === "right" ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0)
  return table.map((row) => row.map(cell).join("  ").trimEnd()).join("\n")
}
