/** `nix-vm-test repl [TARGET]`: a TypeScript console on the machines of a test, or on one machine of an image. */
import * as path from "node:path"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { runLoaded } from "../run/runFile.ts"
import type { LoadedTest, LoadTestOptions } from "../script/loadTest.ts"
import { loadTest } from "../script/loadTest.ts"
import type { ShellOptions } from "../shell/shellSpec.ts"
import { shellSpec } from "../shell/shellSpec.ts"
import { replBody } from "./replBody.ts"

export interface OpenReplOptions {
  /** A test's file, or an image as `shell` takes it. */
  readonly target: string
  readonly memory: ShellOptions["memory"]
  readonly accel: "auto" | "kvm" | "tcg"
  readonly noColor: boolean
}

const isTest = (target: string): boolean => /\.(?:json|[mc]?[tj]s)$/u.test(target)

const ofImage = Effect.fnUntraced(function* ({ target, memory, accel }: OpenReplOptions) {
  const machine = { distribution: target, version: Option.none(), cpus: Option.none(), diskSize: Option.none() }
  const written = yield* Effect.fromResult(shellSpec({ ...machine, memory, share: [], accel }))
  const spec = yield* Effect.fromResult(decodeSpec({ spec: { ...written, name: "repl" }, origin: "nix-vm-test repl" }))
  return { spec, baseDirectory: process.cwd(), source: { language: "typescript", file: "<console>" } as const }
})

/** A script of another language is not this console's: its machines are. */
const withReplBody = (test: LoadedTest, { session }: LoadTestOptions): LoadedTest =>
  test.source.language === "python" && session !== undefined ? { ...test, body: replBody({ session }) } : test

const load =
  (options: OpenReplOptions) =>
  (how: LoadTestOptions): ReturnType<typeof loadTest> | ReturnType<typeof loadImage> =>
    isTest(options.target)
      ? Effect.map(loadTest(path.resolve(options.target), how), (test) => withReplBody(test, how))
      : loadImage(options, how)

const loadImage = Effect.fnUntraced(function* (options: OpenReplOptions, { session }: LoadTestOptions) {
  const machine = yield* ofImage(options)
  if (session === undefined) return yield* Effect.die(new Error("a console without a person"))
  return { ...machine, body: replBody({ session }) } satisfies LoadedTest
})

/** Opens the console. Fails with `Concluded` when its machines failed. */
export const openRepl = (options: OpenReplOptions) =>
  runLoaded(
    {
      test: options.target,
      output: Option.none(),
      accel: options.accel === "auto" ? Option.none() : Option.some(options.accel),
      start: Option.none(),
      template: [],
      console: "all",
      secret: [],
      noColor: options.noColor,
      interactive: true,
      junit: Option.none(),
      keepGoing: false,
      python: Option.none(),
      pauseOnFailure: false
    },
    load(options)
  )
