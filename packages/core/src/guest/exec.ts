/** Runs a command to its end and keeps its output. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AgentLink } from "./AgentLink.ts"
import type { ExitMessage } from "./AgentMessage.ts"
import type { ExecExit, ExecOptions, ExecResult, GuestChannel, OutputStream } from "./GuestChannel.ts"
import { type GuestError, guestError } from "./GuestError.ts"
import { encodeExec, HostMessage, type TerminalSize } from "./HostMessage.ts"
import { type CallContext, inSession } from "./inSession.ts"
import { errnoName } from "./errnoName.ts"
import { OutputBuffer } from "./OutputBuffer.ts"
import { outputWindowBytes } from "./ReceiveWindow.ts"
import { StdinFeed } from "./StdinFeed.ts"
import { StreamingCall } from "./StreamingCall.ts"

const defaultMaxOutputBytes = 64 * 1024 * 1024

type CollectingExecOptions = Parameters<GuestChannel["exec"]>[0]

/** The payload of EXEC, with the defaults of `ExecOptions`. */
export const execPayload = (
  options: ExecOptions & { readonly terminal?: TerminalSize | undefined; readonly opensStdin: boolean }
): Uint8Array =>
  encodeExec({
    command: options.command,
    strict: options.strict ?? true,
    terminal: options.terminal,
    stdin: options.opensStdin,
    timeoutMs: options.timeoutMs ?? 0,
    stdoutWindow: outputWindowBytes,
    stderrWindow: outputWindowBytes,
    user: options.user ?? "",
    cwd: options.cwd ?? "",
    env: options.env ?? {}
  })

/** What `EXIT` says, or why nothing was started. */
export const execExit = (exit: ExitMessage, command: ExecOptions["command"]): Effect.Effect<ExecExit, GuestError> =>
  // A command whose time was over before a shell was free for it has timed out like any other.
  exit.errno === 0 || exit.timedOut
    ? Effect.succeed({
        exitCode: exit.exitCode,
        signal: exit.signal,
        timedOut: exit.timedOut,
        leftRunning: exit.leftRunning
      })
    : Effect.fail(
        guestError({
          _tag: "GuestRefused",
          operation: "run",
          subject: commandLine(command),
          code: errnoName(exit.errno)
        })
      )

/** A command as one line. */
export const commandLine = (command: ExecOptions["command"]): string =>
  typeof command === "string" ? command : command.join(" ")

/** Sends all of a stream, as long as somebody reads it. */
export const feedAll = (
  feed: StdinFeed,
  source: Stream.Stream<Uint8Array, GuestError>
): Effect.Effect<void, GuestError> =>
  source.pipe(
    Stream.takeWhileEffect((bytes) => feed.write(bytes)),
    Stream.runDrain,
    Effect.andThen(Effect.sync(() => feed.end()))
  )

const runToEnd = (
  link: AgentLink,
  options: CollectingExecOptions,
  stdin: StdinFeed | undefined
): Effect.Effect<ExecResult, GuestError> =>
  Effect.callback((resume) => {
    const startedAt = performance.now()
    const limitBytes = options.maxOutputBytes ?? defaultMaxOutputBytes
    const buffers = { stdout: new OutputBuffer(limitBytes), stderr: new OutputBuffer(limitBytes) }
    const giveUp = (outcome: Effect.Effect<never, GuestError>): void => {
      call.abandon()
      resume(outcome)
    }
    const onData = (stream: OutputStream, bytes: Uint8Array): void => {
      if (!buffers[stream].add(bytes)) {
        return giveUp(Effect.fail(guestError({ _tag: "OutputTooLarge", limitBytes })))
      }
      if (options.onOutput !== undefined) {
        try {
          options.onOutput(stream, bytes)
        } catch (defect) {
          // The consumer's own fault ends its own call, not the channel that others use.
          return giveUp(Effect.die(defect))
        }
      }
      call.consumed(stream, bytes.length)
    }
    const call = StreamingCall.start({
      title: commandLine(options.command),
      link,
      type: HostMessage.exec,
      payload: execPayload({ ...options, opensStdin: stdin !== undefined }),
      stdin,
      owner: {
        onData,
        onExit: (exit) =>
          resume(
            Effect.map(execExit(exit, options.command), (end) => ({
              ...end,
              stdout: buffers.stdout.bytes(),
              stderr: buffers.stderr.bytes(),
              durationMs: performance.now() - startedAt
            }))
          ),
        onError: (error) => resume(Effect.fail(error))
      }
    })
    return Effect.sync(() => call.abandon())
  })

/** See `GuestChannel.exec`. */
export const exec = (context: CallContext, options: CollectingExecOptions): Effect.Effect<ExecResult, GuestError> =>
  inSession(
    context,
    Effect.suspend(() => {
      const { link } = context
      const { stdin } = options
      if (stdin === undefined) {
        return runToEnd(link, options, undefined)
      }
      const feed = new StdinFeed(link)
      if (stdin instanceof Uint8Array) {
        feed.offer(stdin, () => {})
        feed.end()
        return runToEnd(link, options, feed)
      }
      return Effect.raceFirst(runToEnd(link, options, feed), Effect.andThen(feedAll(feed, stdin), Effect.never))
    })
  )
