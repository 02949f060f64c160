/** Copies between host and guest over the channel: files and trees of any size, modes kept, no share needed. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GuestError } from "../guest/GuestError.ts"
import type { GuestChannel } from "../guest/GuestChannel.ts"
import type { HostEntry, HostFileError } from "../host/HostTree.ts"
import * as HostTree from "../host/HostTree.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { guestStep, inGuest } from "./MachineContext.ts"
import type { MachineError } from "./MachineError.ts"
import { TestFailure } from "./TestFailure.ts"

/** Small files cost a round trip each; several at once hide it. */
const PARALLEL_FILES = 8

const refused = (context: MachineContext, operation: string, where: string, detail: string): TestFailure =>
  new TestFailure({
    machine: context.name,
    reason: { _tag: "FileRefused", operation, path: where, detail },
    evidence: []
  })

const hostRefused = (context: MachineContext) => (error: HostFileError) =>
  Effect.fail(refused(context, error.operation, error.path, error.message))

/** What the guest's operating system refuses about a file is the script's business, the channel's failure is not. */
const guestRefused = (context: MachineContext) => (error: MachineError) =>
  Effect.fail(
    error.reason._tag === "ChannelFailed" && error.reason.cause._tag === "GuestRefused"
      ? refused(context, error.reason.cause.operation, error.reason.cause.subject, error.reason.cause.code)
      : error
  )

/** The channel's streams fail with its own error only; a refusal of the host's is told apart by its text. */
export const asGuestRefusal = (error: HostFileError): GuestError =>
  new GuestError({
    reason: { _tag: "GuestRefused", operation: error.operation, subject: error.path, code: `${error.code} on the host` }
  })

const putEntry = (channel: GuestChannel, entry: HostEntry, target: string) => {
  const to = entry.relative === "" ? target : `${target}/${entry.relative}`
  switch (entry.kind) {
    case "directory":
      return channel.makeDirectory({ path: to, mode: entry.mode })
    case "symlink":
      return channel.makeSymlink({ path: to, target: entry.target })
    case "file":
      return channel.writeFile({
        path: to,
        mode: entry.mode,
        // A source that shrinks or vanishes while it is read ends the copy like any refusal.
        content: Stream.mapError(HostTree.readFile(entry.path), asGuestRefusal)
      })
  }
}

/** Puts a file or tree of the host into the guest; `mode` is for the root of it. */
export const putFromHost = Effect.fnUntraced(function* (options: {
  readonly channel: GuestChannel
  readonly source: string
  readonly target: string
  readonly mode?: number | undefined
}) {
  const { channel, target } = options
  const tree = yield* HostTree.readTree(options.source).pipe(Effect.mapError(asGuestRefusal))
  const entries = tree.map((entry) => (entry.relative === "" ? { ...entry, mode: options.mode ?? entry.mode } : entry))
  const folders = entries.filter((entry) => entry.kind === "directory")
  const others = entries.filter((entry) => entry.kind !== "directory")
  yield* Effect.forEach(folders, (entry) => putEntry(channel, entry, target), { discard: true })
  yield* Effect.forEach(others, (entry) => putEntry(channel, entry, target), {
    concurrency: PARALLEL_FILES,
    discard: true
  })
})

export interface CopyFromHostOptions {
  /** What `cp -r` does: where `target` is a folder, the copy lies in it, by the source's name. Default false. */
  readonly intoFolder?: boolean
}

const isFolder = (channel: GuestChannel, target: string) =>
  channel.stat(target, { follow: true }).pipe(
    Effect.map(({ kind }) => kind === "directory"),
    Effect.catch((error) => (error.reason._tag === "GuestRefused" ? Effect.succeed(false) : Effect.fail(error)))
  )

const put = Effect.fnUntraced(function* (
  channel: GuestChannel,
  source: string,
  target: string,
  { intoFolder = false }: CopyFromHostOptions
) {
  const into = intoFolder && (yield* isFolder(channel, target))
  yield* putFromHost({ channel, source, target: into ? path.posix.join(target, path.basename(source)) : target })
})

/**
 * Copies a file or tree of the host to `target` in the guest, which names the copy itself. Parents are made, modes kept, links copied
 * as links, the owner is root.
 */
export const copyFromHost = (
  context: MachineContext,
  source: string,
  target: string,
  options: CopyFromHostOptions = {}
): Effect.Effect<void, OperationError> =>
  guestStep(context, { kind: "copy", title: `copying ${source} from the host to ${target}` }, () =>
    inGuest(context, (channel) => put(channel, source, target, options)).pipe(
      Effect.catchTag("MachineError", guestRefused(context))
    )
  )

interface Taken {
  readonly links: Array<{ readonly path: string; readonly target: string }>
  readonly modes: Array<{ readonly path: string; readonly mode: number }>
}

type Trouble = GuestError | HostFileError | TestFailure

/** Copies one file of the guest to the host, in place of what is there. */
export const takeFile = (
  channel: GuestChannel,
  from: string,
  to: string
): Effect.Effect<void, GuestError | HostFileError> =>
  Effect.scoped(
    Effect.flatMap(channel.readFile(from), ({ stat, content }) =>
      HostTree.writeFile({ path: to, content, mode: stat.mode & 0o777 })
    )
  )

const takeFolder: (
  context: MachineContext,
  channel: GuestChannel,
  from: string,
  to: string,
  taken: Taken
) => Effect.Effect<void, Trouble> = Effect.fnUntraced(function* (context, channel, from, to, taken) {
  yield* HostTree.makeDirectory(to)
  const entries = yield* channel.list(from)
  yield* Effect.forEach(
    entries,
    (entry): Effect.Effect<void, Trouble> => {
      if (!HostTree.isSafeName(entry.name)) {
        return Effect.fail(
          refused(context, "copy", `${from}/${entry.name}`, "the guest gave a name that no file can have")
        )
      }
      const source = `${from === "/" ? "" : from}/${entry.name}`
      const target = path.join(to, entry.name)
      switch (entry.kind) {
        case "file":
          return takeFile(channel, source, target)
        case "directory":
          taken.modes.push({ path: target, mode: entry.mode & 0o777 })
          return takeFolder(context, channel, source, target, taken)
        case "symlink":
          taken.links.push({ path: target, target: entry.linkTarget ?? "" })
          return Effect.void
        case "other":
          return Effect.void
      }
    },
    { concurrency: 4, discard: true }
  )
})

const take = Effect.fnUntraced(function* (context: MachineContext, channel: GuestChannel, from: string, to: string) {
  const stat = yield* channel.stat(from, { follow: true })
  yield* HostTree.makeDirectory(path.dirname(to))
  if (stat.kind !== "directory") return yield* takeFile(channel, from, to)
  const taken: Taken = { links: [], modes: [{ path: to, mode: stat.mode & 0o777 }] }
  yield* takeFolder(context, channel, from, to, taken)
  // Links come last, so that no later file is written through one; modes after that, so that a read-only folder could be filled.
  yield* Effect.forEach(taken.links, (link) => HostTree.makeSymlink(link.path, link.target), { discard: true })
  yield* Effect.forEach(taken.modes.toReversed(), (entry) => HostTree.setMode(entry.path, entry.mode), {
    discard: true
  })
})

/**
 * Copies a file or tree of the guest to the host. A relative `target` (default: the source's own name) lies in the run's output folder
 * and becomes an artifact of the report. Links are copied as links and never followed.
 */
export const copyToHost = (
  context: MachineContext,
  source: string,
  target: string = path.posix.basename(source)
): Effect.Effect<void, OperationError> =>
  guestStep(
    context,
    { kind: "copy", title: `copying ${source} to ${target} on the host` },
    Effect.fnUntraced(function* () {
      const to = path.resolve(context.outputDirectory, target)
      const outcome = yield* inGuest(context, (channel) =>
        take(context, channel, source, to).pipe(
          Effect.map(() => undefined),
          Effect.catchTag(["HostFileError", "TestFailure"], (error) => Effect.succeed(error))
        )
      ).pipe(Effect.catchTag("MachineError", guestRefused(context)))
      if (outcome !== undefined) {
        return yield* outcome._tag === "HostFileError" ? hostRefused(context)(outcome) : Effect.fail(outcome)
      }
      if (!path.isAbsolute(target)) {
        yield* context.bus.publish({ _tag: "ArtifactSaved", path: target, kind: "file", machine: context.name })
      }
    })
  )
