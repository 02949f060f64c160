/** Starts a command and hands over its streams while it runs. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { commandLine, execExit, execPayload, feedAll } from "./exec.ts"
import type { ExecExit, GuestChannel, GuestProcess, OutputStream } from "./GuestChannel.ts"
import { type GuestError, guestError } from "./GuestError.ts"
import { encodeResize, HostMessage } from "./HostMessage.ts"
import { type CallContext, inSession } from "./inSession.ts"
import { OutputInbox } from "./OutputInbox.ts"
import { StdinFeed } from "./StdinFeed.ts"
import { StreamingCall } from "./StreamingCall.ts"

type SpawnOptions = Parameters<GuestChannel["spawn"]>[0]

/** See `GuestChannel.spawn`. */
export const spawn = (
  context: CallContext,
  options: SpawnOptions
): Effect.Effect<GuestProcess, GuestError, Scope.Scope> => inSession(context, start(context, options))

const start = Effect.fnUntraced(function* (context: CallContext, options: SpawnOptions) {
  const { link } = context
  const { stdin, terminal } = options
  const staysOpen = options.interactiveStdin === true || terminal !== undefined
  const opensStdin = staysOpen || stdin !== undefined
  const feed = new StdinFeed(link)
  const exit = Deferred.makeUnsafe<ExecExit, GuestError>()
  const started = Deferred.makeUnsafe<number, GuestError>()
  const inbox: OutputInbox = new OutputInbox((stream, bytes) => call.consumed(stream, bytes))
  const finish = (outcome: Effect.Effect<ExecExit, GuestError>, failure?: GuestError): void => {
    Deferred.doneUnsafe(exit, outcome)
    // A process that never started has no pid to give, only the reason.
    Deferred.doneUnsafe(started, Effect.as(outcome, 0))
    inbox.endAll(failure)
  }
  const call = yield* Effect.acquireRelease(
    Effect.sync(() =>
      StreamingCall.start({
        title: commandLine(options.command),
        link,
        type: HostMessage.exec,
        payload: execPayload({ ...options, opensStdin }),
        stdin: feed,
        owner: {
          onStarted: (pid) => Deferred.doneUnsafe(started, Effect.succeed(pid)),
          onData: (stream, bytes) => inbox.add({ stream, bytes }),
          onEndOfStream: (stream) => inbox.end(stream),
          onExit: (message) => finish(execExit(message, options.command)),
          onError: (error) => finish(Effect.fail(error), error)
        }
      })
    ),
    (started) => Effect.sync(() => started.abandon())
  )
  if (stdin instanceof Uint8Array) {
    feed.offer(stdin, () => {})
    if (!staysOpen) {
      feed.end()
    }
  } else if (stdin !== undefined) {
    yield* Effect.forkScoped(
      Effect.catch(feedAll(feed, stdin), (error) =>
        Effect.sync(() => {
          call.abandon()
          finish(Effect.fail(error), error)
        })
      )
    )
  }
  const pid = yield* Deferred.await(started)
  const bytesOf = (stream: OutputStream): Stream.Stream<Uint8Array, GuestError> =>
    Stream.map(inbox.read([stream]), (chunk) => chunk.bytes)
  const process: GuestProcess = {
    pid,
    stdout: bytesOf("stdout"),
    stderr: bytesOf("stderr"),
    output: inbox.read(["stdout", "stderr"]),
    write: (bytes) =>
      Effect.flatMap(feed.write(bytes), (taken) =>
        taken
          ? Effect.void
          : Effect.fail(
              guestError({
                _tag: "GuestRefused",
                operation: "write to the stdin of process",
                subject: String(pid),
                code: "EPIPE"
              })
            )
      ),
    endStdin: Effect.sync(() => feed.end()),
    kill: (signal) => Effect.sync(() => call.kill(signal)),
    resize: (size) => Effect.sync(() => call.resize(encodeResize(size))),
    exit: Deferred.await(exit)
  }
  return process
})
