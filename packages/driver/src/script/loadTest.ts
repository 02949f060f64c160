/** A test from a file: a script that defines its own machines, or a spec that names its script. */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import { guardScript } from "@nix-vm-test/core/script/guardScript"
import type { ScriptBody, TestBody, TestDefinition } from "@nix-vm-test/core/script/TestDefinition"
import { isTestDefinition, reservedNames } from "@nix-vm-test/core/script/TestDefinition"
import { decodeSpec, decodeSpecJson } from "@nix-vm-test/core/spec/decodeSpec"
import type { TestSpec } from "@nix-vm-test/core/spec/TestSpec"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { pythonBody } from "../python/pythonBody.ts"
import type { PythonScript } from "../python/PythonScript.ts"
import { pythonScriptOfFile, pythonScriptOfText } from "../python/PythonScript.ts"
import type { Session } from "../interactive/Session.ts"
import { replBody } from "../repl/replBody.ts"
import { importFailed } from "./importFailed.ts"
import type { ImportOptions } from "./scriptModules.ts"
import { importModule } from "./scriptModules.ts"

/** What a test's script is written in, and where. */
export type ScriptSource =
  | { readonly language: "python"; readonly script: PythonScript }
  | { readonly language: "typescript"; readonly file: string }

export interface LoadedTest {
  readonly spec: TestSpec
  readonly body: TestBody
  readonly source: ScriptSource
  /** Absolute; what relative paths of the spec start from. */
  readonly baseDirectory: string
}

/** A file that defines a test has nothing to wait for; a minute is for large imports on a busy host. */
const importLimitSeconds = 60

const neverLoaded = (file: string): TestFailure =>
  new TestFailure({
    reason: { _tag: "GlobalTimeout", seconds: importLimitSeconds, running: [`the import of ${file}`] },
    evidence: []
  })

const scriptEndings = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", ".tsx"]

const importScript = Effect.fnUntraced(function* (file: string, how: ImportOptions = {}) {
  const imported = importModule(file, how).pipe(
    Effect.catch((error) => Effect.flatMap(importFailed(error, file), Effect.fail)),
    Effect.timeoutOrElse({
      duration: Duration.seconds(importLimitSeconds),
      orElse: () => Effect.fail(neverLoaded(file))
    })
  )
  const module = yield* guardScript(imported)
  const exported = typeof module === "object" && module !== null && "default" in module ? module.default : undefined
  // A script that tsx compiled to CommonJS has its exports one level deeper.
  const found =
    typeof exported === "object" && exported !== null && "default" in exported && !isTestDefinition(exported)
      ? exported.default
      : exported
  if (isTestDefinition(found)) return found
  return yield* new UsageError({
    text: `${file} defines no test`,
    hint: "its default export must be that of defineTest({ … }) or testScript(…) from @nix-vm-test/core"
  })
})

const checkNames = (spec: TestSpec): Effect.Effect<void, UsageError> => {
  const taken = Object.keys(spec.machines).filter((name) => reservedNames.some((reserved) => reserved === name))
  return taken.length === 0
    ? Effect.void
    : Effect.fail(
        new UsageError({
          text: `no machine can be called ${taken.map((name) => `"${name}"`).join(", ")}: scripts have helpers of that name`,
          hint: "give it another name"
        })
      )
}

const fromDefinition = Effect.fnUntraced(function* (
  file: string,
  definition: TestDefinition,
  options: LoadTestOptions
) {
  if (definition.spec === undefined) {
    return yield* new UsageError({
      text: `${file} has a script but no machines`,
      hint: "use defineTest({ machines: { … }, script }), or run the spec that names this script"
    })
  }
  const named = {
    name: path
      .basename(file)
      .replace(/\.[^.]+$/u, "")
      .replaceAll(/[^A-Za-z0-9._+-]/gu, "-"),
    ...definition.spec
  }
  const spec = yield* Effect.fromResult(decodeSpec({ spec: named, origin: file }))
  yield* checkNames(spec)
  const body = bodyOf(definition.body, file, options)
  const source = { language: "typescript", file } as const
  return { spec, body, source, baseDirectory: path.dirname(file) } satisfies LoadedTest
})

export interface LoadTestOptions {
  /** The Python for scripts in that language: a name on PATH or a path. Default: `$NIX_VM_TEST_PYTHON`, else `python3`. */
  readonly python?: string | undefined
  /** Failed subtests do not end a script. Default false. */
  readonly keepGoing?: boolean | undefined
  /** A person who works with the test; without, its script runs by itself. */
  readonly session?: Session | undefined
}

interface PythonTestOptions {
  readonly spec: TestSpec
  readonly script: PythonScript
  readonly baseDirectory: string
  readonly options: LoadTestOptions
}

const pythonTest = ({ spec, script, baseDirectory, options }: PythonTestOptions): LoadedTest => {
  const { session, keepGoing, python = process.env["NIX_VM_TEST_PYTHON"] ?? "python3" } = options
  const body = pythonBody({
    script,
    machines: Object.keys(spec.machines),
    vlans: Object.keys(spec.networks).flatMap((name) => (/^\d+$/u.test(name) ? [Number(name)] : [])),
    command: python,
    keepGoing,
    session
  })
  return { spec, body, source: { language: "python", script }, baseDirectory }
}

/** The body of a script that this process runs, from its file. */
const bodyOf = (body: ScriptBody, file: string, { session }: LoadTestOptions): TestBody =>
  session === undefined
    ? body
    : replBody({
        session,
        script: { body, read: Effect.map(importScript(file, { anew: true }), (again) => again.body) }
      })

const fromSpec = Effect.fnUntraced(function* (file: string, text: string, options: LoadTestOptions) {
  const spec = yield* Effect.fromResult(decodeSpecJson({ text, origin: file }))
  const baseDirectory = path.dirname(file)
  if (spec.script === undefined) {
    return yield* new UsageError({ text: `${file} names no script`, hint: 'add "script": { "file": "./test.ts" }' })
  }
  yield* checkNames(spec)
  if ("python" in spec.script) {
    return pythonTest({ spec, script: pythonScriptOfText(spec.script.python), baseDirectory, options })
  }
  const script = path.resolve(baseDirectory, spec.script.file)
  yield* checkThere(script, `${file}: script`)
  if (script.endsWith(".py")) {
    return pythonTest({ spec, script: yield* pythonScriptOfFile(script), baseDirectory, options })
  }
  const definition = yield* importScript(script)
  const source = { language: "typescript", file: script } as const
  return { spec, body: bodyOf(definition.body, script, options), source, baseDirectory } satisfies LoadedTest
})

const checkThere = (file: string, namedBy: string): Effect.Effect<void, UsageError> =>
  Effect.tryPromise({
    try: async () => {
      if (!(await fs.stat(file)).isFile()) throw new Error("no file")
    },
    catch: () => new UsageError({ text: `${namedBy}: ${file} is no file that can be read` })
  })

/** Loads a test; what is wrong with the file itself is the caller's mistake, what its code throws is the test's failure. */
export const loadTest = Effect.fn("driver.loadTest")(function* (given: string, options: LoadTestOptions = {}) {
  const file = path.resolve(given)
  yield* checkThere(file, "test")
  const ending = path.extname(file)
  if (scriptEndings.includes(ending)) return yield* fromDefinition(file, yield* importScript(file), options)
  if (ending === ".json") {
    return yield* fromSpec(file, yield* Effect.promise(() => fs.readFile(file, "utf8")), options)
  }
  return yield* new UsageError({
    text: `${file}: a test is a script (${scriptEndings.join(", ")}) or a spec (.json)`
  })
})
