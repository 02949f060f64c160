/** Shares that are copies: put into the guest at its first start, and what it changed of them brought back. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import type { GuestChannel } from "../guest/GuestChannel.ts"
import type { GuestError } from "../guest/GuestError.ts"
import * as HostTree from "../host/HostTree.ts"
import type { SharePlan } from "../plan/SharePlan.ts"
import { closurePaths } from "../store/closurePaths.ts"
import { asGuestRefusal, putFromHost, takeFile } from "./files.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import type { Incarnation } from "./Incarnation.ts"
import { inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"
import { runInGuest } from "./runInGuest.ts"
import { shellQuote } from "./shellQuote.ts"

/** A file of the guest whose time is that of the copy. It is on the disk, as the copy is. */
const markerOf = ({ mountTag }: SharePlan): string => `/var/lib/nix-vm-test/copied-${mountTag}`

const refusedByHost = Effect.mapError((error: GuestError | HostTree.HostFileError) =>
  error._tag === "HostFileError" ? asGuestRefusal(error) : error
)

const run = (channel: GuestChannel, share: SharePlan, command: string) =>
  runInGuest(channel, { operation: "copy", subject: share.target, command })

const putAll = Effect.fnUntraced(function* (channel: GuestChannel, { content, target }: SharePlan) {
  if ("folder" in content) return yield* putFromHost({ channel, source: content.folder, target })
  const paths = yield* closurePaths(content.closureInfo)
  yield* Effect.forEach(
    paths,
    (source) => putFromHost({ channel, source, target: `${target}/${path.basename(source)}` }),
    { discard: true }
  )
})

/** Puts the copy into the guest. */
export const copyIn = Effect.fn("machine.copyIn")(function* (channel: GuestChannel, share: SharePlan) {
  const marker = shellQuote(markerOf(share))
  yield* refusedByHost(putAll(channel, share))
  yield* run(channel, share, `mkdir -p -- "$(dirname ${marker})"\n: > ${marker}`)
})

/**
 * Prints what was changed since the copy, each path after `./`, ended by a zero byte, and remembers this moment for the next time. A change
 * of contents, mode or name sets the time that `-cnewer` looks at; a `find` without it gives everything.
 */
const changes = (share: SharePlan): string => `cd ${shellQuote(share.target)}
marker=${shellQuote(markerOf(share))}
: > "$marker.new"
if find . -maxdepth 0 -cnewer "$marker" >/dev/null 2>&1; then
  find . -mindepth 1 -cnewer "$marker" -print0
else
  find . -mindepth 1 -print0
fi`

/** Names that a guest gave, one below the other, and none that leads elsewhere. */
const namesOf = (relative: string): ReadonlyArray<string> | undefined => {
  const names = relative.split("/").slice(1)
  return names.length > 0 && names.every(HostTree.isSafeName) ? names : undefined
}

/** A copy on its way back. */
interface Return {
  readonly channel: GuestChannel
  readonly share: SharePlan
  /** The folder on the host. */
  readonly root: string
  /** Of folders, to be set once they are filled: one may forbid it. */
  readonly modes: Array<{ readonly path: string; readonly mode: number }>
}

/** Writes one changed path of the guest over the host's; folders on its way must be folders of the host and no links. */
const bringOne = Effect.fnUntraced(function* ({ channel, share, root, modes }: Return, relative: string) {
  const names = namesOf(relative)
  if (names === undefined) return
  const from = `${share.target}/${names.join("/")}`
  const stat = yield* channel.stat(from, { follow: false })
  const to = path.join(root, ...names)
  for (let depth = 1; depth < names.length; depth++) {
    yield* HostTree.makeDirectory(path.join(root, ...names.slice(0, depth)))
  }
  switch (stat.kind) {
    case "directory":
      modes.push({ path: to, mode: stat.mode & 0o777 })
      return yield* HostTree.makeDirectory(to)
    case "file":
      return yield* takeFile(channel, from, to)
    case "symlink":
      return yield* HostTree.makeSymlink(to, stat.linkTarget ?? "")
    case "other":
      return
  }
})

/** What a process of the guest has removed meanwhile is no failure. */
const unlessGone = <R>(bringing: Effect.Effect<void, GuestError | HostTree.HostFileError, R>) =>
  Effect.catchIf(
    bringing,
    (error) => error._tag === "GuestError" && error.reason._tag === "GuestRefused" && error.reason.code === "ENOENT",
    () => Effect.void
  )

const copyBack = Effect.fn("machine.copyBack")(function* (channel: GuestChannel, share: SharePlan) {
  if (!("folder" in share.content)) return
  const { folder } = share.content
  const changed = (yield* run(channel, share, changes(share))).split("\0").filter((line) => line !== "")
  const back: Return = { channel, share, root: folder, modes: [] }
  yield* refusedByHost(
    Effect.andThen(
      Effect.forEach(changed, (relative) => unlessGone(bringOne(back, relative)), { discard: true }),
      Effect.suspend(() =>
        Effect.forEach(back.modes.toReversed(), (entry) => HostTree.setMode(entry.path, entry.mode), { discard: true })
      )
    )
  )
  const marker = shellQuote(markerOf(share))
  yield* run(channel, share, `mv -- ${marker}.new ${marker}`)
})

/** Whether what the guest writes has to be brought back. */
export const isWritableCopy = ({ by, readOnly }: SharePlan): boolean => by._tag === "copy" && !readOnly

/** A copy back takes as long as its data; what is still under way after so long hangs. */
const BACK_LIMIT = "15 minutes"

/** Brings back what the guest changed or made since it was copied; what it removed stays on the host. */
export const bringShareBack = (options: {
  readonly access: GuestAccess
  readonly incarnation: Incarnation
  readonly share: SharePlan
}): Effect.Effect<void, MachineError> => {
  const { access, incarnation, share } = options
  const failed = (detail: string) =>
    new MachineError({
      machine: access.name,
      reason: { _tag: "SetupFailed", step: `bringing back what the guest changed in ${share.target}`, detail },
      evidence: []
    })
  return inIncarnation(access, incarnation, (channel) => copyBack(channel, share)).pipe(
    Effect.mapError(({ message }) => failed(message)),
    Effect.timeoutOrElse({
      duration: BACK_LIMIT,
      orElse: () => Effect.fail(failed(`it did not end within ${BACK_LIMIT}`))
    })
  )
}
