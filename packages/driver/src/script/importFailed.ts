/** A script that can't be read as code, as a failure that shows the place in it. */
import { execFile } from "node:child_process"
import { scriptThrew } from "@nix-vm-test/core/script/scriptThrew"
import * as Effect from "effect/Effect"

/** How tsx's compiler names the place of an error. */
const compilerComplaint = /^(?<file>\/.+):(?<line>\d+):(?<column>\d+): ERROR: (?<what>.+)$/mu

/** How `node --check` names it: the place first, the line with a marker below it, then the error. */
const nodeComplaint = /^(?<file>(?:file:\/)?\/.+):(?<line>\d+)\n.*\n(?<marker> *)\^/u

const withFrame = (message: string, place: Readonly<Record<string, string | undefined>>): SyntaxError => {
  const error = new SyntaxError(message)
  error.stack = `${error.name}: ${message}\n    at ${place["file"]}:${place["line"]}:${place["column"] ?? "1"}`
  return error
}

/** V8 keeps the place of a syntax error to itself where a module is imported; a check of the file alone tells it. */
const checkedByNode = (file: string): Promise<string> =>
  new Promise((resolve) => {
    execFile(process.execPath, ["--check", file], (_, _stdout, stderr) => resolve(stderr))
  })

/** What an import failed with, its place among the frames where it is a syntax error. */
export const importFailed = Effect.fnUntraced(function* (thrown: unknown, file: string) {
  if (!(thrown instanceof Error)) return scriptThrew(thrown)
  const compiler = compilerComplaint.exec(thrown.message)?.groups
  if (compiler !== undefined) return scriptThrew(withFrame(compiler["what"] ?? thrown.message, compiler))
  if (thrown.name !== "SyntaxError") return scriptThrew(thrown)
  const node = nodeComplaint.exec(yield* Effect.promise(() => checkedByNode(file)))?.groups
  if (node === undefined) return scriptThrew(thrown)
  return scriptThrew(withFrame(thrown.message, { ...node, column: String((node["marker"]?.length ?? 0) + 1) }))
})
