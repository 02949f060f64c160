/** `nix-vm-test shell`: a fresh guest, a root shell in it, and nothing left of both afterwards. */
import { inIncarnation } from "@nix-vm-test/core/machine/MachineContext"
import { MachineError } from "@nix-vm-test/core/machine/MachineError"
import { failureOf } from "@nix-vm-test/core/run/failureOf"
import { openMachines } from "@nix-vm-test/core/run/openMachines"
import type { RunMachine } from "@nix-vm-test/core/run/RunMachine"
import { decodeSpec } from "@nix-vm-test/core/spec/decodeSpec"
import { makeStyle } from "@nix-vm-test/report/Style"
import { failureLines } from "@nix-vm-test/report/summary"
import * as Effect from "effect/Effect"
import { Concluded } from "../Concluded.ts"
import { runServices } from "../run/services.ts"
import { wantsColor } from "../wantsColor.ts"
import { showBootProgress } from "./bootProgress.ts"
import { isAtTerminal } from "@nix-vm-test/core/host/LocalTerminal"
import { runShell } from "./runShell.ts"
import { ShellExited } from "./ShellExited.ts"
import type { ShellOptions } from "./shellSpec.ts"
import { shellSpec } from "./shellSpec.ts"

export interface OpenShellOptions extends ShellOptions {
  readonly noColor: boolean
}

const say = (line: string): Effect.Effect<void> => Effect.sync(() => void process.stderr.write(`${line}\n`))

const hint = "exit or Ctrl-D ends it, Ctrl-] three times where it hangs; its disk is thrown away"

/** A guest that boots again or whose agent does takes its shell with it, but not the machine. */
const isInterlude = (error: MachineError): boolean =>
  error.reason._tag === "ChannelFailed" &&
  (error.reason.cause._tag === "GuestRebooted" || error.reason.cause._tag === "AgentRestarted")

/** A shell, and one more each time that the guest comes back. */
const shellIn = (run: RunMachine): Effect.Effect<number, MachineError> =>
  Effect.flatMap(run.power.running, (incarnation) =>
    inIncarnation({ name: run.machine.name, console: run.console }, incarnation, (channel) =>
      Effect.scoped(runShell(channel))
    )
  ).pipe(
    Effect.catch((error) => {
      if (error.reason._tag === "GuestPoweredOff") return Effect.as(say("The guest powered itself off."), 0)
      return isInterlude(error)
        ? Effect.andThen(say("The shell is gone: the guest reboots. Waiting for it …"), shellIn(run))
        : Effect.fail(error)
    })
  )

const open = Effect.fnUntraced(function* (options: OpenShellOptions, color: boolean) {
  const spec = yield* Effect.fromResult(
    decodeSpec({ spec: yield* Effect.fromResult(shellSpec(options)), origin: "nix-vm-test shell" })
  )
  const folder = process.cwd()
  const progress = yield* showBootProgress({ color })
  const { machines } = yield* openMachines({ spec, baseDirectory: folder, outputDirectory: folder })
  const [run] = machines
  if (run === undefined) return yield* Effect.die(new Error("a plan without machines"))
  yield* run.power.start
  yield* progress.finished
  if (isAtTerminal()) yield* say(makeStyle({ color }).dim(hint))
  return yield* shellIn(run)
})

/** Opens a shell. Fails with `ShellExited` when its exit code is not 0, with `Concluded` when the machine failed, which was said then. */
export const openShell = Effect.fn("driver.openShell")(function* (options: OpenShellOptions) {
  const color = wantsColor(process.stderr, options)
  const exitCode = yield* open(options, color).pipe(
    Effect.scoped,
    Effect.provide(runServices),
    Effect.catchIf(
      (error) => error instanceof MachineError,
      (error) =>
        Effect.andThen(
          Effect.forEach(failureLines(failureOf(error), makeStyle({ color })), say),
          Effect.fail(new Concluded({ verdict: "infrastructure" }))
        )
    )
  )
  if (exitCode !== 0) return yield* new ShellExited({ exitCode })
})
