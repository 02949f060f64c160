/** Files and directories of the guest: contents go through the agent itself, without a process. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type AgentLink, type CallListener } from "./AgentLink.ts"
import {
  AgentMessage,
  decodeList,
  decodeResult,
  decodeStat,
  decodeStdinCredit,
  type ExitMessage
} from "./AgentMessage.ts"
import { feedAll } from "./exec.ts"
import type { DirectoryEntry, FileStat, GuestChannel } from "./GuestChannel.ts"
import { type GuestError, guestError } from "./GuestError.ts"
import { encodeKill, encodeOwnedPath, encodeRead, HostMessage } from "./HostMessage.ts"
import { type CallContext, inSession } from "./inSession.ts"
import { OutputBuffer } from "./OutputBuffer.ts"
import { OutputInbox } from "./OutputInbox.ts"
import { outputWindowBytes } from "./ReceiveWindow.ts"
import { checkPath, malformed, refusal } from "./requests.ts"
import { StdinFeed } from "./StdinFeed.ts"
import { StreamingCall } from "./StreamingCall.ts"

/** Some 300 000 entries: more is no directory that a test lists, but a guest that fills the host's memory. */
const maxListBytes = 32 * 1024 * 1024
const sigkill = 9

type WriteFileOptions = Parameters<GuestChannel["writeFile"]>[0]

/** The file's call: ends with the RESULT, which may come before all bytes were sent. */
const put = (link: AgentLink, options: WriteFileOptions, feed: StdinFeed): Effect.Effect<void, GuestError> =>
  Effect.callback((resume) => {
    const end = (outcome: Effect.Effect<void, GuestError>): void => {
      link.endCall(callId, listener)
      feed.close()
      resume(outcome)
    }
    const listener: CallListener = {
      title: `write ${options.path}`,
      onMessage: (type, payload) => {
        if (type === AgentMessage.stdinCredit) {
          const credit = decodeStdinCredit(payload)
          if (credit === undefined || !feed.grant(credit)) {
            link.violated("a wrong STDIN_CREDIT")
          }
        } else if (type === AgentMessage.result) {
          const result = decodeResult(payload)
          if (result === undefined) {
            return link.violated("a malformed RESULT")
          }
          end(result.errno === 0 ? Effect.void : Effect.fail(refusal("write", options.path, result.errno)))
        }
      },
      onLost: (error) => end(Effect.fail(error))
    }
    const callId = link.beginCall(listener)
    const { path, mode = 0o644, uid = 0, gid = 0 } = options
    link.send(HostMessage.put, callId, encodeOwnedPath({ path, mode, uid, gid }))
    feed.attach(callId)
    return Effect.sync(() => {
      link.send(HostMessage.kill, callId, encodeKill(sigkill))
      link.endCall(callId, listener)
      feed.close()
    })
  })

/** See `GuestChannel.writeFile`. */
export const writeFile = (context: CallContext, options: WriteFileOptions): Effect.Effect<void, GuestError> =>
  Effect.andThen(
    checkPath("write", options.path),
    inSession(
      context,
      Effect.suspend(() => {
        const { link } = context
        const { content } = options
        const feed = new StdinFeed(link)
        if (content instanceof Uint8Array) {
          feed.offer(content, () => {})
          feed.end()
          return put(link, options, feed)
        }
        return Effect.raceFirst(put(link, options, feed), Effect.andThen(feedAll(feed, content), Effect.never))
      })
    )
  )

/** See `GuestChannel.readFile`. */
export const readFile = (
  context: CallContext,
  path: string
): Effect.Effect<
  { readonly stat: FileStat; readonly content: Stream.Stream<Uint8Array, GuestError> },
  GuestError,
  Scope.Scope
> => Effect.andThen(checkPath("read", path), inSession(context, get(context, path)))

const get = Effect.fnUntraced(function* (context: CallContext, path: string) {
  const record = Deferred.makeUnsafe<Uint8Array, GuestError>()
  const inbox: OutputInbox = new OutputInbox((stream, bytes) => call.consumed(stream, bytes))
  const fail = (error: GuestError): void => {
    Deferred.doneUnsafe(record, Effect.fail(error))
    inbox.endAll(error)
  }
  const call = yield* Effect.acquireRelease(
    Effect.sync(() =>
      StreamingCall.start({
        title: `read ${path}`,
        link: context.link,
        type: HostMessage.get,
        payload: encodeRead({ window: outputWindowBytes, path }),
        owner: {
          onResult: ({ errno, payload }) =>
            errno === 0
              ? void Deferred.doneUnsafe(record, Effect.succeed(payload))
              : fail(refusal("read", path, errno)),
          onData: (stream, bytes) => inbox.add({ stream, bytes }),
          onExit: ({ errno }) => (errno === 0 ? inbox.endAll() : fail(refusal("read", path, errno))),
          onError: fail
        }
      })
    ),
    (started) => Effect.sync(() => started.abandon())
  )
  const stat = decodeStat(yield* Deferred.await(record))
  return stat === undefined
    ? yield* malformed(context, "STAT record")
    : { stat, content: Stream.map(inbox.read(["stdout"]), (chunk) => chunk.bytes) }
})

const readListing = (link: AgentLink, path: string): Effect.Effect<Uint8Array, GuestError> =>
  Effect.callback((resume) => {
    const records = new OutputBuffer(maxListBytes)
    const call = StreamingCall.start({
      title: `list ${path}`,
      link,
      type: HostMessage.list,
      payload: encodeRead({ window: outputWindowBytes, path }),
      owner: {
        onData: (stream, bytes) => {
          if (records.add(bytes)) {
            call.consumed(stream, bytes.length)
          } else {
            call.abandon()
            resume(Effect.fail(guestError({ _tag: "OutputTooLarge", limitBytes: maxListBytes })))
          }
        },
        onExit: ({ errno }: ExitMessage) =>
          resume(errno === 0 ? Effect.sync(() => records.bytes()) : Effect.fail(refusal("list", path, errno))),
        onError: (error) => resume(Effect.fail(error))
      }
    })
    return Effect.sync(() => call.abandon())
  })

/** See `GuestChannel.list`. */
export const list = (context: CallContext, path: string): Effect.Effect<ReadonlyArray<DirectoryEntry>, GuestError> =>
  checkPath("list", path).pipe(
    Effect.andThen(
      inSession(
        context,
        Effect.suspend(() => readListing(context.link, path))
      )
    ),
    Effect.flatMap((records) => {
      const entries = decodeList(records)
      return entries === undefined ? malformed(context, "listing") : Effect.succeed(entries)
    })
  )
