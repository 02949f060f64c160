/** A person at the terminal of a run. */
import { homedir } from "node:os"
import * as path from "node:path"
import type { ReportOutput } from "./ReportOutput.ts"

export interface Session {
  /** A console in place of the script, or one where the script has failed. */
  readonly when: "always" | "failure"
  /** The report's, which must not write over what is typed. */
  readonly output: ReportOutput
}

/** Where consoles keep what was typed. */
export const historyFolder = (): string =>
  path.join(process.env["XDG_STATE_HOME"] ?? path.join(homedir(), ".local", "state"), "nix-vm-test")
