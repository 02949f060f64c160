/** The processes on the host that serve a machine's virtiofs shares: one a share, for one QEMU. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { ChildProcesses } from "../host/ChildProcesses.ts"
import * as HostTree from "../host/HostTree.ts"
import type { MachinePlan } from "../plan/MachinePlan.ts"
import type { SharePlan } from "../plan/SharePlan.ts"
import { MachineError } from "./MachineError.ts"

/** A daemon listens within some milliseconds. */
const LISTEN_LIMIT = Duration.seconds(20)

/**
 * `$1` is the folder, `$2` where the daemon sees it, `$3` mount options, the rest the daemon. In a mount namespace of its own, so that a
 * read-only share is that for the daemon too, which does what the guest says. And the daemon's options know no commas in a path. It keeps
 * a file below /run, which only root may write to.
 */
const serve = `set -e
mount --rbind -- "$1" "$2"
mount -o "remount,bind,$3" -- "$2"
[ -w /run ] || mount -t tmpfs tmpfs /run
shift 3
exec "$@"`

type VirtiofsShare = SharePlan["by"] & { readonly _tag: "virtiofs" }

/** The daemon's words are those of its first, C, form; its successor knows them too. */
const command = (share: SharePlan, { daemon, socket }: VirtiofsShare, seen: string): ReadonlyArray<string> => {
  const source = "folder" in share.content ? share.content.folder : share.content.storeDir
  const namespace = daemon.userNamespace ? ["--user", "--map-root-user", "--map-auto", "--mount"] : ["--mount"]
  return [
    ...namespace,
    "--",
    "sh",
    "-c",
    serve,
    "sh",
    source,
    seen,
    share.readOnly ? "ro" : "rw",
    daemon.path,
    "-f",
    `--socket-path=${socket}`,
    "-o",
    `source=${seen}`,
    "-o",
    "sandbox=chroot",
    "-o",
    "xattr",
    "-o",
    "log_level=warn"
  ]
}

const startDaemon = Effect.fnUntraced(function* (plan: MachinePlan, share: SharePlan, by: VirtiofsShare) {
  const processes = yield* ChildProcesses
  const failed = (detail: string) =>
    new MachineError({
      machine: plan.name,
      reason: { _tag: "SetupFailed", step: `serving ${share.target} by virtiofs`, detail },
      evidence: []
    })
  // That of the machine's QEMU before this one.
  yield* Effect.ignore(HostTree.remove(by.socket))
  const seen = `${by.socket}.root`
  yield* Effect.mapError(HostTree.makeDirectory(seen), (error) => failed(error.message))
  const daemon = yield* Effect.mapError(
    processes.spawn({ command: "unshare", args: command(share, by, seen) }),
    (error) => failed(error.message)
  )
  const ended = Effect.flatMap(daemon.exited, () =>
    Effect.flatMap(daemon.stderrTail, (stderr) => Effect.fail(failed(`virtiofsd ended: ${stderr.trim()}`)))
  )
  const listens = HostTree.exists(by.socket).pipe(
    Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: (there) => there }),
    Effect.timeoutOrElse({ duration: LISTEN_LIMIT, orElse: () => Effect.fail(failed("virtiofsd does not listen")) })
  )
  yield* Effect.raceFirst(Effect.asVoid(listens), ended)
  return ended
})

/** Starts the daemons of a plan, which live in the Scope; gives an effect that fails once one of them has ended. */
export const startShareDaemons = Effect.fn("machine.startShareDaemons")(function* (plan: MachinePlan) {
  const ends = yield* Effect.forEach(plan.shares, (share) =>
    share.by._tag === "virtiofs" ? startDaemon(plan, share, share.by) : Effect.succeed(Effect.never)
  )
  return Effect.raceAllFirst([Effect.never, ...ends])
})
