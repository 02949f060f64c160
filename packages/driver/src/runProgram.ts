import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { exitCode } from "./exitCode.ts"
import { reportFailure } from "./reportFailure.ts"

/** The first interrupt stops the machines in order; a second one ends the process at once, and QEMU dies with it. */
const endOnSecondInterrupt = (): void => {
  // Taken now: while a test script runs, the script's own process.exit is another.
  const exit = process.exit.bind(process)
  let interrupts = 0
  process.on("SIGINT", () => {
    if (++interrupts > 1) exit(130)
  })
}

/** A terminal window that is closed, and a reader of our output that goes away, interrupt as well. */
const interruptWhenLeft = (): void => {
  const interrupt = (): void => void process.kill(process.pid, "SIGTERM")
  process.once("SIGHUP", interrupt)
  for (const stream of [process.stdout, process.stderr]) stream.once("error", interrupt).on("error", () => {})
}

/** Runs a program as this process: signals interrupt it, a failure is put into words on stderr, the exit code says how it ended. */
export const runProgram = <E>(program: Effect.Effect<void, E>): void => {
  endOnSecondInterrupt()
  interruptWhenLeft()
  NodeRuntime.runMain(Effect.tapCause(program, reportFailure), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(exitCode(exit))
  })
}
