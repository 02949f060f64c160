/** What a check has found in a file. */
export interface Finding {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly column: number
  readonly message: string
  /** Who says so: `python`, `pyflakes`, `mypy`, `node`, `tsc`, `nix-vm-test`. */
  readonly tool: string
}

export interface Checked {
  readonly findings: ReadonlyArray<Finding>
  /** What was not checked, and why, each a sentence. */
  readonly notes: ReadonlyArray<string>
}

/** As compilers write it, which editors find places in. */
export const findingLine = ({ file, line, column, message, tool }: Finding): string =>
  `${file}:${line}:${column}: ${message} (${tool})`
