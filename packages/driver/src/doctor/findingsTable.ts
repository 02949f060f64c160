import { styleText } from "node:util"
import type { Finding } from "@nix-vm-test/core/qemu/hostChecks"

const colors = { ok: "green", warn: "yellow", missing: "red" } as const

/** One line a finding, and below it the command that mends it. Colours where stdout shows them. */
export const findingsTable = (findings: ReadonlyArray<Finding>): string => {
  const statusWidth = Math.max(...findings.map(({ status }) => status.length))
  const titleWidth = Math.max(...findings.map(({ title }) => title.length))
  const indent = " ".repeat(statusWidth + titleWidth + 4)
  return findings
    .map(({ status, title, detail, mend }) => {
      const mark = styleText(colors[status], status.padEnd(statusWidth))
      const line = `${mark}  ${title.padEnd(titleWidth)}  ${detail}`
      return mend === undefined ? line : `${line}\n${indent}→ ${mend}`
    })
    .join("\n")
}
