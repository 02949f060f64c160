/** The specification of a shell's one machine, from the words of the command line. */
import { UsageError } from "@nix-vm-test/core/run/UsageError"
import type { MachineSpecInput } from "@nix-vm-test/core/spec/MachineSpec"
import type { TestSpecInput } from "@nix-vm-test/core/spec/TestSpec"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

export interface ShellOptions {
  readonly distribution: string
  readonly version: Option.Option<string>
  readonly memory: Option.Option<string>
  readonly cpus: Option.Option<number>
  readonly diskSize: Option.Option<string>
  /** Each `SRC:DST`. */
  readonly share: ReadonlyArray<string>
  readonly accel: "auto" | "kvm" | "tcg"
}

/** Name of the machine in progress lines and errors. */
export const machineName = "machine"

const imageOf = ({ distribution, version }: ShellOptions): Result.Result<MachineSpecInput["image"], UsageError> => {
  if (distribution.includes("/")) return Result.succeed({ file: distribution })
  if (Option.isNone(version)) return Result.succeed(distribution)
  return distribution.includes(":")
    ? Result.fail(
        new UsageError({
          text: `two versions: ${distribution} and ${version.value}`,
          hint: `leave one of them out: ${distribution}`
        })
      )
    : Result.succeed(`${distribution}:${version.value}`)
}

const shareOf = (text: string): Result.Result<{ readonly source: string; readonly target: string }, UsageError> => {
  // The guest's path has no colon; the host's may have one.
  const at = text.lastIndexOf(":")
  const source = text.slice(0, at)
  const target = text.slice(at + 1)
  return at > 0 && target.startsWith("/")
    ? Result.succeed({ source, target })
    : Result.fail(
        new UsageError({
          text: `--share ${text}: not SRC:DST`,
          hint: "write a folder of this host and an absolute path in the guest: --share ./project:/mnt"
        })
      )
}

/** What to decode; sizes and names are checked there. */
export const shellSpec = (options: ShellOptions): Result.Result<TestSpecInput, UsageError> =>
  Result.gen(function* () {
    const image = yield* imageOf(options)
    const shares = yield* Result.all(options.share.map(shareOf))
    return {
      name: "shell",
      accel: options.accel,
      machines: {
        [machineName]: {
          image,
          internet: true,
          shares: Object.fromEntries(shares.map((share, index) => [`share${index}`, share])),
          ...Option.match(options.memory, { onNone: () => ({}), onSome: (memory) => ({ memory }) }),
          ...Option.match(options.cpus, { onNone: () => ({}), onSome: (cpus) => ({ cpus }) }),
          ...Option.match(options.diskSize, { onNone: () => ({}), onSome: (diskSize) => ({ diskSize }) })
        }
      }
    }
  })
