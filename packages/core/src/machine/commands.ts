/** Commands in the guest: `exec`, `succeed`, `fail` and the waits over them. */
import * as Effect from "effect/Effect"
import type { ExecOptions, ExecResult, GuestChannel, OutputStream } from "../guest/GuestChannel.ts"
import type { GuestError } from "../guest/GuestError.ts"
import type { Evidence } from "./evidence.ts"
import { evidenceOf } from "./evidence.ts"
import type { MachineContext, OperationError } from "./MachineContext.ts"
import { guestStep, inGuest } from "./MachineContext.ts"
import type { MachineError } from "./MachineError.ts"
import type { PollAttempt } from "./poll.ts"
import { poll } from "./poll.ts"
import { TestFailure, type TestFailureReason } from "./TestFailure.ts"
import type { TimeLimit } from "./TimeLimit.ts"
import { limitToMs } from "./TimeLimit.ts"

/** Shell code for bash, or a program with its arguments that no shell reads. */
export type Command = string | ReadonlyArray<string>

export interface CommandOptions {
  /** When the guest kills the whole process group; default 15 min (spec: `timeouts.command`), `null` for never. */
  readonly timeout?: TimeLimit | null
  /** Text or bytes for the command's stdin; without it the command reads end of file. */
  readonly stdin?: string | Uint8Array
  /** Variables added to those of a root login. */
  readonly env?: Readonly<Record<string, string>>
  /** Working directory; default the user's home. */
  readonly cwd?: string
  /** Default root. */
  readonly user?: string
  /** `set -euo pipefail` before shell code; default true. */
  readonly strict?: boolean
  /** Most bytes kept of each stream; default 64 MiB, more is an error. */
  readonly maxOutputBytes?: number
}

/** How a command ended and what it wrote. A non-zero exit is a result, not an error. */
export interface CommandResult extends ExecResult {
  /** stdout decoded as UTF-8, invalid bytes replaced by U+FFFD. */
  readonly text: string
}

/** Bytes of a command's output that become events; the rest is kept for the caller only, so that a log stays readable. */
const SHOWN_BYTES = 64 * 1024

/** A command as logs show it. */
export const commandText = (command: Command): string => (typeof command === "string" ? command : command.join(" "))

const toExecOptions = Effect.fnUntraced(function* (context: MachineContext, command: Command, options: CommandOptions) {
  const timeoutMs =
    options.timeout === null
      ? undefined
      : options.timeout === undefined
        ? context.limits.commandMs()
        : yield* limitToMs(options.timeout)
  const stdin = typeof options.stdin === "string" ? new TextEncoder().encode(options.stdin) : options.stdin
  const request: ExecOptions & { readonly maxOutputBytes?: number | undefined } = {
    command,
    strict: options.strict,
    env: options.env,
    cwd: options.cwd,
    user: options.user,
    stdin,
    timeoutMs,
    maxOutputBytes: options.maxOutputBytes
  }
  return request
})

/** Publishes output as it comes, decoded across chunk boundaries, up to a limit per step. */
const outputPublisher = (context: MachineContext, step: string) => {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  let shown = 0
  return (stream: OutputStream, bytes: Uint8Array): void => {
    if (shown >= SHOWN_BYTES) return
    const part = bytes.subarray(0, SHOWN_BYTES - shown)
    shown += part.length
    const text = decoders[stream].decode(part, { stream: true })
    const cut = shown >= SHOWN_BYTES ? "\n… more output, not shown …\n" : ""
    if (text + cut !== "") {
      context.bus.publishUnsafe({ _tag: "CommandOutput", machine: context.name, step, stream, text: text + cut })
    }
  }
}

/** Why a call's failure is the script's own business; the channel's failures are not. */
const refusalOf = (error: MachineError): string | undefined => {
  const cause = error.reason._tag === "ChannelFailed" ? error.reason.cause : undefined
  switch (cause?._tag) {
    case "GuestRefused":
      return `could not be started (${cause.code}): is there such a program, user and folder?`
    case "OutputTooLarge":
      return `wrote more than ${cause.limitBytes} bytes to one stream and was killed; allow more with maxOutputBytes, or write to a file`
    default:
      return undefined
  }
}

/** Runs `use` for a command in the guest. */
export const commandInGuest = <A, R>(
  context: MachineContext,
  command: Command,
  use: (channel: GuestChannel) => Effect.Effect<A, GuestError, R>
): Effect.Effect<A, OperationError, R> =>
  Effect.mapError(inGuest(context, use), (error): OperationError => {
    const detail = refusalOf(error)
    if (detail === undefined) return error
    const reason = { _tag: "CommandRefused", command: commandText(command), detail } as const
    return new TestFailure({ machine: context.name, reason, evidence: [] })
  })

/** Runs a command inside a step that is open already. */
const runIn = Effect.fnUntraced(function* (
  context: MachineContext,
  step: string,
  command: Command,
  options: CommandOptions
) {
  const request = yield* toExecOptions(context, command, options)
  const result = yield* commandInGuest(context, command, (channel) =>
    channel.exec({ ...request, onOutput: outputPublisher(context, step) })
  )
  return withText(result)
})

const withText = (result: ExecResult): CommandResult => ({ ...result, text: new TextDecoder().decode(result.stdout) })

/** Runs a command that is not the test's own: no step, no output in the log. */
export const runQuietly = Effect.fnUntraced(function* (
  context: MachineContext,
  command: Command,
  options: CommandOptions = {}
) {
  const request = yield* toExecOptions(context, command, options)
  return withText(yield* commandInGuest(context, command, (channel) => channel.exec(request)))
})

/** The two streams of a finished command as evidence. */
export const outputEvidence = (result: CommandResult): ReadonlyArray<Evidence> => [
  ...evidenceOf("stdout", result.text),
  ...evidenceOf("stderr", new TextDecoder().decode(result.stderr))
]

const timedOut = (context: MachineContext, command: Command, options: CommandOptions, result: CommandResult) =>
  Effect.map(
    options.timeout === undefined || options.timeout === null
      ? Effect.succeed(context.limits.commandMs())
      : limitToMs(options.timeout),
    (ms) =>
      new TestFailure({
        machine: context.name,
        reason: { _tag: "CommandTimedOut", command: commandText(command), seconds: ms / 1000 },
        evidence: outputEvidence(result)
      })
  )

const warnOfLeftovers = (context: MachineContext, step: string, result: CommandResult) =>
  result.leftRunning
    ? context.bus.publish({
        _tag: "Log",
        level: "warning",
        machine: context.name,
        step,
        text: "the command left a process running that holds its output open; what it writes from now on is dropped"
      })
    : Effect.void

/**
 * Runs a command and gives its result, whatever its exit code. A time-out is a result too: `timedOut`, with the output so far.
 */
export const exec = (
  context: MachineContext,
  command: Command,
  options: CommandOptions = {}
): Effect.Effect<CommandResult, OperationError> =>
  guestStep(context, { kind: "command", title: `run: ${commandText(command)}` }, (step) =>
    Effect.tap(runIn(context, step, command, options), (result) => warnOfLeftovers(context, step, result))
  )

interface Demand {
  /** Begins the step's title. */
  readonly title: string
  readonly isMet: (result: CommandResult) => boolean
  readonly otherwise: (result: CommandResult) => TestFailureReason
}

/** Runs a command of which the script demands something, and gives its stdout as text; a time-out meets no demand. */
const demand = (
  context: MachineContext,
  command: Command,
  options: CommandOptions,
  { title, isMet, otherwise }: Demand
): Effect.Effect<string, OperationError> =>
  guestStep(
    context,
    { kind: "command", title: `${title}: ${commandText(command)}` },
    Effect.fnUntraced(function* (step) {
      const result = yield* runIn(context, step, command, options)
      yield* warnOfLeftovers(context, step, result)
      if (result.timedOut) return yield* yield* timedOut(context, command, options, result)
      if (isMet(result)) return result.text
      return yield* new TestFailure({
        machine: context.name,
        reason: otherwise(result),
        evidence: outputEvidence(result)
      })
    })
  )

/** Runs a command that must succeed and gives its stdout as text; fails with both streams otherwise. */
export const succeed = (
  context: MachineContext,
  command: Command,
  options: CommandOptions = {}
): Effect.Effect<string, OperationError> =>
  demand(context, command, options, {
    title: "must succeed",
    isMet: ({ exitCode }) => exitCode === 0,
    otherwise: ({ exitCode, signal }) => ({ _tag: "CommandFailed", command: commandText(command), exitCode, signal })
  })

/** Runs a command that must fail and gives its stdout as text. */
export const fail = (
  context: MachineContext,
  command: Command,
  options: CommandOptions = {}
): Effect.Effect<string, OperationError> =>
  demand(context, command, options, {
    title: "must fail",
    isMet: ({ exitCode }) => exitCode !== 0,
    otherwise: () => ({ _tag: "CommandSucceeded", command: commandText(command) })
  })

/**
 * Tries of a wait over a command. A try may use up what is left of the wait, so that the last one is cut short by its end: what the last
 * complete one said is told then.
 */
const attemptsOf = (
  context: MachineContext,
  command: Command,
  options: CommandOptions,
  wanted: "success" | "failure"
): ((leftMs: number) => Effect.Effect<PollAttempt<string>, OperationError>) => {
  let complete: CommandResult | undefined = undefined
  return Effect.fnUntraced(function* (leftMs): Effect.fn.Return<PollAttempt<string>, OperationError> {
    const result = yield* runQuietly(context, command, { ...options, timeout: Math.max(leftMs, 1) / 1000 })
    if (result.timedOut) {
      const shown = complete ?? result
      return { done: false, seen: outcomeText(shown), evidence: outputEvidence(shown) }
    }
    if ((result.exitCode === 0) === (wanted === "success")) return { done: true, value: result.text }
    complete = result
    return { done: false, seen: outcomeText(result), evidence: outputEvidence(result) }
  })
}

const outcomeText = (result: CommandResult): string =>
  result.timedOut
    ? "it did not end in time"
    : result.signal === 0
      ? `exit code ${result.exitCode}`
      : `killed by signal ${result.signal}`

/** Runs a command again and again, at most 50 ms apart, until it succeeds; gives the last stdout. Default limit 15 min. */
export const waitUntilSucceeds = (
  context: MachineContext,
  command: Command,
  options: CommandOptions = {}
): Effect.Effect<string, OperationError> =>
  poll(context, {
    title: `waiting for success: ${commandText(command)}`,
    waitedFor: `\`${commandText(command)}\` to succeed`,
    timeout: options.timeout ?? undefined,
    attempt: attemptsOf(context, command, options, "success")
  })

/** Runs a command again and again, at most 50 ms apart, until it fails; gives the last stdout. Default limit 15 min. */
export const waitUntilFails = (
  context: MachineContext,
  command: Command,
  options: CommandOptions = {}
): Effect.Effect<string, OperationError> =>
  poll(context, {
    title: `waiting for failure: ${commandText(command)}`,
    waitedFor: `\`${commandText(command)}\` to fail`,
    timeout: options.timeout ?? undefined,
    attempt: attemptsOf(context, command, options, "failure")
  })
