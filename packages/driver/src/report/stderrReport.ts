/** The report of a command whose stdout is somebody else's. */
import { makeTerminalReport, type TerminalReport } from "@nix-vm-test/report/Terminal"

/** Progress on stderr; consoles of guests are not shown. */
export const stderrReport = (options: { readonly color: boolean }): TerminalReport =>
  makeTerminalReport({
    color: options.color,
    interactive: process.stderr.isTTY,
    console: "none",
    secrets: [],
    width: process.stderr.columns ?? 100,
    write: (text) => void process.stderr.write(text)
  })
