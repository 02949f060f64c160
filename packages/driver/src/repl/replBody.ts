/** The console of TypeScript tests: Node's own, with the machines as variables and `await` at the prompt. */
import * as fs from "node:fs"
import * as path from "node:path"
import * as repl from "node:repl"
import { makeRunPromise } from "@nix-vm-test/core/promise/RunPromise"
import { failureOf } from "@nix-vm-test/core/run/failureOf"
import { promiseContext, runScript } from "@nix-vm-test/core/script/runScript"
import type { HostedBody, ScriptBody, ScriptHost } from "@nix-vm-test/core/script/TestDefinition"
import { failureLines } from "@nix-vm-test/report/summary"
import { makeStyle } from "@nix-vm-test/report/Style"
import * as Effect from "effect/Effect"
import type { Session } from "../interactive/Session.ts"
import { historyFolder } from "../interactive/Session.ts"
import { takeSignals } from "../interactive/takeSignals.ts"
import { interruptibleRun } from "./InterruptibleRun.ts"
import { outsideOfConsole } from "./outsideOfConsole.ts"

export interface ReplScript {
  readonly body: ScriptBody
  /** The same, from its file as it is now. */
  readonly read: Effect.Effect<ScriptBody, Error>
}

export interface ReplOptions {
  readonly session: Session
  /** The test's; a console on a machine alone has none. */
  readonly script?: ReplScript
}

const prompt = "nix-vm-test> "

const bannerOf = (host: ScriptHost, script: ReplScript | undefined): string =>
  [
    `machines: ${Object.keys(host.machines).join(", ")}`,
    `await machine.succeed("uname -r"), await startAll()${script === undefined ? "" : ", await testScript() runs the test as its file is now"};`,
    "Tab completes, Ctrl-C stops what runs, Ctrl-D ends the session and the machines."
  ].join("\n")

/** Text of the report goes above the line that is typed, which is drawn anew below it. */
const showAbove =
  (server: repl.REPLServer) =>
  (text: string): void => {
    process.stdout.write(`\r\u001b[J${text}`)
    server.displayPrompt(true)
  }

const setUpHistory = (server: repl.REPLServer, file: string): Promise<void> =>
  new Promise((resolve) => {
    // A history that can't be kept is told by Node, and is no reason not to start.
    server.setupHistory(file, () => resolve())
  })

/** A console on the machines, until Ctrl-D. */
const openConsole = Effect.fnUntraced(function* (host: ScriptHost, options: ReplOptions, banner: string) {
  const { run, interrupt } = interruptibleRun(yield* makeRunPromise)
  const { script, session } = options
  const outside = yield* outsideOfConsole
  process.stdout.write(`${banner}\n`)
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => repl.start({ prompt, useGlobal: false, breakEvalOnSigint: true })),
    (open) => Effect.sync(() => open.close())
  )
  const testScript = (): Promise<void> =>
    outside(() =>
      run(
        Effect.flatMap(script?.read ?? Effect.die(new Error("there is no test")), (body) =>
          runScript({ ...host, body })
        )
      )
    )
  Object.assign(server.context, promiseContext(host, run), script === undefined ? {} : { testScript })
  fs.mkdirSync(historyFolder(), { recursive: true })
  yield* Effect.promise(() => setUpHistory(server, path.join(historyFolder(), "typescript-history")))
  yield* session.output.divert(showAbove(server))
  // Ctrl-C is a key, which the console turns into this event; as a signal it ends a loop in what was typed, but only where nobody listens to it.
  yield* takeSignals({ signals: ["SIGTSTP"], onSignal: () => {} })
  server.on("SIGINT", interrupt)
  yield* Effect.callback<void>((resume) => {
    server.on("exit", () => resume(Effect.void))
  })
}, Effect.scoped)

const pauseBanner = (error: Error): string =>
  [
    ...failureLines(failureOf(error), makeStyle({ color: process.stdout.isTTY })),
    "The machines run on. Look around; Ctrl-D ends the test."
  ].join("\n")

/** A test's script, or a console on its machines. */
export const replBody = (options: ReplOptions): HostedBody => ({
  style: "hosted",
  isAttended: true,
  open: Effect.succeed((host) => {
    const { script, session } = options
    if (session.when === "always" || script === undefined) {
      return openConsole(host, options, bannerOf(host, script))
    }
    return Effect.tapError(runScript({ ...host, body: script.body }), (error) =>
      openConsole(host, options, pauseBanner(error))
    )
  })
})
