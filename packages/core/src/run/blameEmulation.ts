/**
 * A guest's kernel that broke under emulation spoils whatever the test did afterwards: such a failure is the host's, not the test's.
 *
 * Only an oops counts. Stalls come from any busy host, and a guest survives them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { consoleSigns } from "../guest/consoleSigns.ts"
import { MachineError } from "../machine/MachineError.ts"
import { Qemu } from "../qemu/Qemu.ts"
import type { RunMachine } from "./RunMachine.ts"

/** From this version on QEMU's emulation is not known to break kernels; see `plan/quirks.ts`. */
const soundSince = 10

const hintFor = ({ major, text }: { readonly major: number; readonly text: string }): string =>
  major < soundSince
    ? `QEMU ${text} is known to break kernels under emulation on a busy host: use QEMU ${soundSince} or later (on Debian 12 from backports), or a host with KVM`
    : "a defect of the guest's kernel or of QEMU's emulation: run it on a host with KVM, or once more on an idle one"

const oopsOf = ({ console, isEmulated }: RunMachine) =>
  isEmulated() ? consoleSigns(console.text().split("\n")).find(({ kind }) => kind === "kernelOops") : undefined

/** Lets an effect's failure be that of the first machine whose kernel oopsed under emulation, if one did. */
export const blameEmulation = <A, E, R>(effect: Effect.Effect<A, E, R>, machines: ReadonlyArray<RunMachine>) =>
  Effect.catchCause(effect, (cause) =>
    Effect.gen(function* () {
      if (Cause.hasInterruptsOnly(cause)) return yield* Effect.failCause(cause)
      for (const machine of machines) {
        const oops = oopsOf(machine)
        if (oops === undefined) continue
        const error = Cause.squash(cause)
        const { version } = yield* Qemu
        return yield* new MachineError({
          machine: machine.machine.name,
          reason: { _tag: "GuestCrashed", sign: "the guest's kernel broke under emulation", line: oops.line },
          evidence: [
            { title: "what failed then", text: error instanceof Error ? error.message : String(error) },
            { title: "console", text: machine.console.tail(30).join("\n") }
          ],
          hint: hintFor(version)
        })
      }
      return yield* Effect.failCause(cause)
    })
  )
