/** `nix-vm-test run FILE`: loads the test, runs it, and lets the reports read its events. */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { TestFailure } from "@nix-vm-test/core/machine/TestFailure"
import { failureOf } from "@nix-vm-test/core/run/failureOf"
import { runTest } from "@nix-vm-test/core/run/runTest"
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import { Concluded } from "../Concluded.ts"
import type { ReportOutput } from "../interactive/ReportOutput.ts"
import { makeReportOutput } from "../interactive/ReportOutput.ts"
import type { Session } from "../interactive/Session.ts"
import type { LoadedTest, LoadTestOptions } from "../script/loadTest.ts"
import { loadTest } from "../script/loadTest.ts"
import { isAtTerminal } from "@nix-vm-test/core/host/LocalTerminal"
import { version } from "../version.ts"
import { wantsColor } from "../wantsColor.ts"
import { startReaders } from "./readers.ts"
import { runServices } from "./services.ts"

export interface RunFileOptions {
  readonly test: string
  readonly output: Option.Option<string>
  /** File for JUnit XML. */
  readonly junit: Option.Option<string>
  readonly accel: Option.Option<"auto" | "kvm" | "tcg">
  readonly start: Option.Option<"auto" | "clone" | "cold">
  /** Folders of templates that were made ahead. */
  readonly template: ReadonlyArray<string>
  readonly keepGoing: boolean
  /** The Python for scripts in that language. */
  readonly python: Option.Option<string>
  readonly console: "all" | "failure" | "none"
  /** Names of environment variables. */
  readonly secret: ReadonlyArray<string>
  readonly noColor: boolean
  /** A console in place of the script. */
  readonly interactive: boolean
  /** A console where the script has failed. */
  readonly pauseOnFailure: boolean
}

const secretValues = (names: ReadonlyArray<string>): Result.Result<ReadonlyArray<string>, UsageError> => {
  const missing = names.filter((name) => (process.env[name] ?? "") === "")
  return missing.length === 0
    ? Result.succeed(names.flatMap((name) => process.env[name] ?? []))
    : Result.fail(new UsageError({ text: `--secret: the environment has no ${missing.join(", ")}` }))
}

/** The folder that an option names, made where it is missing. */
const madeFolder = (option: string, folder: string) =>
  Effect.tryPromise({
    try: async () => {
      const absolute = path.resolve(folder)
      await fs.mkdir(absolute, { recursive: true })
      return absolute
    },
    catch: (error) =>
      new UsageError({ text: `${option} ${folder}: ${error instanceof Error ? error.message : String(error)}` })
  })

const sessionWhen = ({ interactive, pauseOnFailure }: RunFileOptions): Session["when"] | undefined =>
  interactive ? "always" : pauseOnFailure ? "failure" : undefined

const sessionOf = (options: RunFileOptions, output: ReportOutput): Result.Result<Session | undefined, UsageError> => {
  const when = sessionWhen(options)
  if (when === undefined) return Result.succeed(undefined)
  return isAtTerminal()
    ? Result.succeed({ when, output })
    : Result.fail(
        new UsageError({
          text: `--${when === "always" ? "interactive" : "pause-on-failure"} needs a terminal to type in`,
          hint: "run it from a terminal, without redirecting stdin or stdout"
        })
      )
}

/** A script that failed before it had defined a test is the report's matter, like one that fails later. */
const reportUnloaded = Effect.fnUntraced(function* (file: string, error: TestFailure) {
  const bus = yield* EventBus
  const runId = new Date().toISOString().replaceAll(/[:.]/gu, "-")
  yield* bus.publish({ _tag: "RunStarted", runId, name: path.basename(file), machines: [], driver: version })
  yield* bus.publish({ _tag: "RunFinished", verdict: "failed", durationMs: 0, failures: [failureOf(error)] })
  return "failed" as const
})

interface Prepared {
  readonly test: Result.Result<LoadedTest, TestFailure>
  readonly secrets: ReadonlyArray<string>
  readonly outputDirectory: string | undefined
  readonly output: ReportOutput
}

const run = Effect.fnUntraced(function* (options: RunFileOptions, prepared: Prepared) {
  const { test, secrets, outputDirectory, output } = prepared
  const { drained } = yield* startReaders({
    directory: outputDirectory,
    junit: Option.getOrUndefined(options.junit),
    console: options.interactive ? "all" : options.console,
    secrets,
    color: wantsColor(process.stdout, options),
    isInteractive: process.stdout.isTTY && sessionWhen(options) === undefined,
    write: output.write
  })
  const verdict = Result.isFailure(test)
    ? yield* reportUnloaded(options.test, test.failure)
    : (yield* runTest({
        ...overridden(test.success, options),
        outputDirectory,
        templates: options.template,
        keepGoing: options.keepGoing,
        driver: version
      })).verdict
  yield* drained
  return verdict
}, Effect.scoped)

/** The test as the command line wants it. */
const overridden = (test: LoadedTest, { accel, start }: RunFileOptions): LoadedTest => {
  const { spec } = test
  const machines = Option.match(start, {
    onNone: () => spec.machines,
    onSome: (way) => Record.map(spec.machines, (machine) => ({ ...machine, start: way }))
  })
  return { ...test, spec: { ...spec, machines, accel: Option.getOrElse(accel, () => spec.accel) } }
}

/** Runs a test file. Fails with `Concluded` when the verdict is not `passed`; the reports have said why. */
export const runFile = (options: RunFileOptions) => runLoaded(options, (how) => loadTest(options.test, how))

/** Runs a test that is loaded in a way of the caller's. */
export const runLoaded = Effect.fn("driver.runLoaded")(function* <E, R>(
  options: RunFileOptions,
  load: (how: LoadTestOptions) => Effect.Effect<LoadedTest, E | TestFailure, R>
) {
  // Wrong usage is told before QEMU is looked for.
  const secrets = yield* Effect.fromResult(secretValues(options.secret))
  const output = makeReportOutput()
  const session = yield* Effect.fromResult(sessionOf(options, output))
  const { keepGoing } = options
  const python = Option.getOrUndefined(options.python)
  const test = yield* load({ session, python, keepGoing }).pipe(
    Effect.map((loaded) => Result.succeed(loaded)),
    Effect.catchIf(
      (error) => error instanceof TestFailure,
      (failure) => Effect.succeed(Result.fail(failure))
    )
  )
  const outputDirectory = Option.isNone(options.output)
    ? undefined
    : yield* madeFolder("--output", options.output.value)
  if (Option.isSome(options.junit)) yield* madeFolder("--junit", path.dirname(options.junit.value))
  const verdict = yield* Effect.provide(run(options, { test, secrets, outputDirectory, output }), runServices)
  if (verdict !== "passed") return yield* new Concluded({ verdict })
})
