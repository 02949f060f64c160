/** `nix-vm-test run FILE`: loads the test, runs it, and lets the reports read its events. */
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { runTest } from "@nix-vm-test/core/run/runTest"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { Concluded } from "../Concluded.ts"
import { loadTest } from "../script/loadTest.ts"
import { version } from "../version.ts"
import { startReaders } from "./readers.ts"
import { runServices } from "./services.ts"

export interface RunFileOptions {
  readonly test: string
  readonly output: Option.Option<string>
  readonly accel: Option.Option<"auto" | "kvm" | "tcg">
  readonly console: "all" | "failure" | "none"
  /** Names of environment variables. */
  readonly secret: ReadonlyArray<string>
  readonly noColor: boolean
}

const secretValues = (names: ReadonlyArray<string>): Result.Result<ReadonlyArray<string>, UsageError> => {
  const missing = names.filter((name) => (process.env[name] ?? "") === "")
  return missing.length === 0
    ? Result.succeed(names.flatMap((name) => process.env[name] ?? []))
    : Result.fail(new UsageError({ text: `--secret: the environment has no ${missing.join(", ")}` }))
}

/** The folder that was named, or one that is gone with the run: copies to the host need a place in any case. */
const outputFolder = (named: Option.Option<string>) =>
  Option.match(named, {
    onSome: (folder) =>
      Effect.tryPromise({
        try: async () => {
          const absolute = path.resolve(folder)
          await fs.mkdir(absolute, { recursive: true })
          return absolute
        },
        catch: (error) =>
          new UsageError({ text: `--output ${folder}: ${error instanceof Error ? error.message : String(error)}` })
      }),
    onNone: () =>
      Effect.acquireRelease(
        Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nix-vm-test-output-"))),
        (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
      )
  })

const run = Effect.fnUntraced(function* (options: RunFileOptions) {
  const secrets = yield* Effect.fromResult(secretValues(options.secret))
  const test = yield* loadTest(options.test)
  const outputDirectory = yield* outputFolder(options.output)
  const { drained } = yield* startReaders({
    directory: Option.isSome(options.output) ? outputDirectory : undefined,
    console: options.console,
    secrets,
    color: !options.noColor && process.stdout.isTTY && process.env["NO_COLOR"] === undefined
  })
  const spec = Option.match(options.accel, { onNone: () => test.spec, onSome: (accel) => ({ ...test.spec, accel }) })
  const result = yield* runTest({ ...test, spec, outputDirectory, driver: version })
  yield* drained
  return result.verdict
})

/** Runs a test file. Fails with `Concluded` when the verdict is not `passed`; the reports have said why. */
export const runFile = Effect.fn("driver.runFile")(function* (options: RunFileOptions) {
  const verdict = yield* run(options).pipe(Effect.scoped, Effect.provide(runServices))
  if (verdict !== "passed") return yield* new Concluded({ verdict })
})
