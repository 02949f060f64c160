/** `nix-vm-test check FILE…`: what can be known of tests without starting a machine. */
import * as path from "node:path"
import { failureOf } from "@nix-vm-test/core/run/failureOf"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import type { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import * as Effect from "effect/Effect"
import { Concluded } from "../Concluded.ts"
import { pythonScriptOfFile } from "../python/PythonScript.ts"
import type { LoadedTest } from "../script/loadTest.ts"
import { loadTest } from "../script/loadTest.ts"
import { checkPython } from "./checkPython.ts"
import { checkTypeScript } from "./checkTypeScript.ts"
import type { Checked } from "./Finding.ts"
import { findingLine } from "./Finding.ts"

export interface CheckFilesOptions {
  readonly files: ReadonlyArray<string>
  /** Machines of a Python script that comes without a spec. */
  readonly machine: ReadonlyArray<string>
  readonly python: string
}

const skipped = (what: string, skips: boolean): ReadonlyArray<string> => (skips ? [`${what}: the test skips it`] : [])

/** NixOS' networks are known by number. */
const vlansOf = ({ networks }: LoadedTest["spec"]): ReadonlyArray<number> =>
  Object.keys(networks).flatMap((name) => {
    const number = /^(?:vlan)?(\d+)$/u.exec(name)?.[1]
    return number === undefined ? [] : [Number(number)]
  })

const checkTest = Effect.fnUntraced(function* ({ spec, source }: LoadedTest, command: string) {
  const notes = [...skipped("lint", spec.skipLint), ...skipped("types", spec.skipTypeCheck)]
  if (source.language === "typescript") {
    return spec.skipTypeCheck ? { findings: [], notes } : yield* checkTypeScript(source.file)
  }
  const checked = yield* checkPython({
    script: source.script,
    machines: Object.keys(spec.machines),
    vlans: vlansOf(spec),
    lint: !spec.skipLint,
    types: !spec.skipTypeCheck,
    command
  })
  return { findings: checked.findings, notes: [...notes, ...checked.notes] }
})

/** A script that can't be imported, by the place in it. */
const unloadable = (file: string, error: TestFailure): Checked => {
  const { message, frames } = failureOf(error)
  const [place] = frames
  return {
    findings: [
      { file: place?.file ?? file, line: place?.line ?? 1, column: place?.column ?? 1, message, tool: "nix-vm-test" }
    ],
    notes: []
  }
}

const checkFile = Effect.fnUntraced(function* (given: string, { machine, python }: CheckFilesOptions) {
  const file = path.resolve(given)
  if (file.endsWith(".py")) {
    const script = yield* pythonScriptOfFile(file)
    return yield* checkPython({ script, machines: machine, vlans: [], lint: true, types: true, command: python })
  }
  return yield* loadTest(file).pipe(
    Effect.flatMap((test) => checkTest(test, python)),
    Effect.catchTag("TestFailure", (error) => Effect.succeed(unloadable(file, error)))
  )
})

/** Checks files one after the other. Fails with `Concluded` when there are findings, which were written then. */
export const checkFiles = Effect.fn("driver.checkFiles")(function* (options: CheckFilesOptions) {
  const all = yield* Effect.forEach(options.files, (file) =>
    Effect.tap(checkFile(file, options), ({ findings, notes }) =>
      Effect.sync(() => {
        for (const note of notes) process.stderr.write(`${file}: ${note}\n`)
        for (const finding of findings) process.stdout.write(`${findingLine(finding)}\n`)
        if (findings.length === 0) process.stderr.write(`${file}: nothing found\n`)
      })
    )
  ).pipe(Effect.provide(ChildProcesses.layer))
  if (all.some(({ findings }) => findings.length > 0)) return yield* new Concluded({ verdict: "failed" })
})
