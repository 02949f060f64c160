/** Checks a Python script with the interpreter that would run it. */
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { PythonError } from "../python/PythonError.ts"
import type { PythonScript } from "../python/PythonScript.ts"
import type { Checked } from "./Finding.ts"

const program = fileURLToPath(new URL("../../python/check.py", import.meta.url))

/** mypy reads its library anew each time; a busy host takes a minute for it. */
const limitMs = 300_000

const Answer = Schema.Struct({
  findings: Schema.Array(
    Schema.Struct({ tool: Schema.String, line: Schema.Int, column: Schema.Int, message: Schema.String })
  ),
  missing: Schema.Array(Schema.String)
})

const decodeAnswer = Schema.decodeUnknownOption(Schema.fromJsonString(Answer))

export interface CheckPythonOptions {
  readonly script: PythonScript
  readonly machines: ReadonlyArray<string>
  readonly vlans: ReadonlyArray<number>
  readonly lint: boolean
  readonly types: boolean
  /** The interpreter: a name on PATH or a path. */
  readonly command: string
}

const purpose: Readonly<Record<string, string>> = { pyflakes: "names are not checked", mypy: "types are not checked" }

/** Syntax always; names by pyflakes and types by mypy, where they are installed and wanted. */
export const checkPython = Effect.fn("driver.checkPython")(function* (
  options: CheckPythonOptions
): Effect.fn.Return<Checked, PythonError, ChildProcesses> {
  const { script, machines, vlans, lint, types, command } = options
  const { file, text, directory } = script
  const processes = yield* ChildProcesses
  const stdin = JSON.stringify({
    script: { file, text, directory: directory ?? null },
    machines,
    vlans,
    lint,
    types
  })
  const ended = yield* processes
    .run({ command, args: [path.resolve(program)], stdin, timeoutMs: limitMs })
    .pipe(Effect.mapError((error) => new PythonError({ reason: { _tag: "Broken", command, detail: error.message } })))
  const code = Option.getOrUndefined(ended.exit)?.code
  if (code === 127) return yield* new PythonError({ reason: { _tag: "NotFound", looked: command } })
  const answer = Option.getOrUndefined(decodeAnswer(ended.stdout))
  if (answer === undefined) {
    const detail = ended.stderr.trim().split("\n").at(-1) ?? ""
    return yield* new PythonError({ reason: { _tag: "Broken", command, detail } })
  }
  return {
    findings: answer.findings.map((finding) => ({ file, ...finding })),
    notes: answer.missing.map((tool) => `${tool} is not installed: ${purpose[tool] ?? "it was not run"}`)
  }
})
