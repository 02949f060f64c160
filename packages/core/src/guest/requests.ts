/** What the agent does by itself and answers with one RESULT: stat, directories, links, probes, the clock, a sign of life. */
import * as Effect from "effect/Effect"
import type { CallListener } from "./AgentLink.ts"
import { AgentMessage, decodeResult, decodeStat, decodeWait, type ResultMessage } from "./AgentMessage.ts"
import { ByteWriter } from "./ByteWriter.ts"
import { errnoName } from "./errnoName.ts"
import type { FileStat, GuestChannel, ProbeResult } from "./GuestChannel.ts"
import { type GuestError, guestError } from "./GuestError.ts"
import {
  encodeKill,
  encodeMount,
  encodeOwnedPath,
  encodeResumed,
  encodeStat,
  encodeSymlink,
  encodeWait,
  HostMessage
} from "./HostMessage.ts"
import { type CallContext, inSession } from "./inSession.ts"

const sigkill = 9

/** Sends one request and gives its RESULT, whatever the error number. Interrupting it cancels it in the guest. */
const request = (
  context: CallContext,
  options: { readonly title: string; readonly type: number; readonly payload: Uint8Array }
): Effect.Effect<ResultMessage, GuestError> =>
  inSession(
    context,
    Effect.callback<ResultMessage, GuestError>((resume) => {
      const { link } = context
      const listener: CallListener = {
        title: options.title,
        onMessage: (answer, bytes) => {
          if (answer !== AgentMessage.result) {
            return
          }
          const result = decodeResult(bytes)
          if (result === undefined) {
            return link.violated("a malformed RESULT")
          }
          link.endCall(callId, listener)
          resume(Effect.succeed(result))
        },
        onLost: (error) => resume(Effect.fail(error))
      }
      const callId = link.beginCall(listener)
      link.send(options.type, callId, options.payload)
      return Effect.sync(() => {
        link.send(HostMessage.kill, callId, encodeKill(sigkill))
        link.endCall(callId, listener)
      })
    })
  )

/** The error of a request that the guest's operating system refused. */
export const refusal = (operation: string, subject: string, errno: number): GuestError =>
  guestError({ _tag: "GuestRefused", operation, subject, code: errnoName(errno) })

/** A RESULT's payload that can't be read: nothing else of this session can be trusted either. */
export const malformed = (context: CallContext, what: string): Effect.Effect<never, GuestError> =>
  Effect.suspend(() => {
    const detail = `a malformed ${what}`
    context.link.violated(detail)
    return Effect.fail(guestError({ _tag: "ProtocolViolation", detail }))
  })

/** A path with a NUL would be cut there by the guest's kernel, and name another file. */
export const checkPath = (operation: string, path: string): Effect.Effect<void, GuestError> =>
  path.includes("\0")
    ? Effect.fail(guestError({ _tag: "GuestRefused", operation, subject: JSON.stringify(path), code: "EINVAL" }))
    : Effect.void

const change = (
  context: CallContext,
  options: { readonly operation: string; readonly path: string; readonly type: number; readonly payload: Uint8Array }
): Effect.Effect<void, GuestError> =>
  checkPath(options.operation, options.path).pipe(
    Effect.andThen(request(context, { ...options, title: `${options.operation} ${options.path}` })),
    Effect.flatMap(({ errno }) =>
      errno === 0 ? Effect.void : Effect.fail(refusal(options.operation, options.path, errno))
    )
  )

/** See `GuestChannel.stat`. */
export const stat = (
  context: CallContext,
  path: string,
  options?: { readonly follow?: boolean }
): Effect.Effect<FileStat, GuestError> =>
  checkPath("stat", path).pipe(
    Effect.andThen(
      request(context, {
        title: `stat ${path}`,
        type: HostMessage.stat,
        payload: encodeStat({ path, follow: options?.follow ?? true })
      })
    ),
    Effect.flatMap(({ errno, payload }) => {
      if (errno !== 0) {
        return Effect.fail(refusal("stat", path, errno))
      }
      const found = decodeStat(payload)
      return found === undefined ? malformed(context, "STAT record") : Effect.succeed(found)
    })
  )

/** See `GuestChannel.makeDirectory`. */
export const makeDirectory = (
  context: CallContext,
  options: Parameters<GuestChannel["makeDirectory"]>[0]
): Effect.Effect<void, GuestError> =>
  change(context, {
    operation: "make the directory",
    path: options.path,
    type: HostMessage.makeDirectory,
    payload: encodeOwnedPath({
      path: options.path,
      mode: options.mode ?? 0o755,
      uid: options.uid ?? 0,
      gid: options.gid ?? 0
    })
  })

/** See `GuestChannel.makeSymlink`. */
export const makeSymlink = (
  context: CallContext,
  options: Parameters<GuestChannel["makeSymlink"]>[0]
): Effect.Effect<void, GuestError> =>
  checkPath("make the symbolic link", options.target).pipe(
    Effect.andThen(
      change(context, {
        operation: "make the symbolic link",
        path: options.path,
        type: HostMessage.makeSymlink,
        payload: encodeSymlink(options)
      })
    )
  )

/** See `GuestChannel.mount`. */
export const mount = (
  context: CallContext,
  options: Parameters<GuestChannel["mount"]>[0]
): Effect.Effect<void, GuestError> =>
  change(context, {
    operation: `mount ${options.type} at`,
    path: options.target,
    type: HostMessage.mount,
    payload: encodeMount(options)
  })

const defaultProbeIntervalMs = 20

/** See `GuestChannel.probe`. */
export const probe = (
  context: CallContext,
  options: Parameters<GuestChannel["probe"]>[0]
): Effect.Effect<ProbeResult, GuestError> =>
  Effect.suspend(() => {
    const { probe, timeoutMs, intervalMs = defaultProbeIntervalMs } = options
    const subject = "host" in probe ? `${probe.host}:${probe.port}` : probe.path
    return checkPath("probe", subject).pipe(
      Effect.andThen(
        request(context, {
          title: `probe (${probe.kind}) ${subject}`,
          type: HostMessage.wait,
          payload: encodeWait({ probe, timeoutMs, intervalMs })
        })
      ),
      Effect.flatMap(({ errno, payload }) => {
        const satisfied = errno === 0
        if (!satisfied && errnoName(errno) !== "ETIMEDOUT") {
          return Effect.fail(refusal(`probe (${probe.kind})`, subject, errno))
        }
        const seen = decodeWait(payload)
        return seen === undefined
          ? malformed(context, "answer to WAIT")
          : Effect.succeed({ satisfied, tries: seen.tries, last: errnoName(seen.lastErrno) })
      })
    )
  })

/** See `GuestChannel.resumed`. */
export const resumed = (
  context: CallContext,
  options: Parameters<GuestChannel["resumed"]>[0]
): Effect.Effect<void, GuestError> =>
  Effect.flatMap(
    request(context, { title: "set clock and entropy", type: HostMessage.resumed, payload: encodeResumed(options) }),
    ({ errno }) => (errno === 0 ? Effect.void : Effect.fail(refusal("set", "clock and entropy", errno)))
  )

/** See `GuestChannel.ping`. */
export const ping = (
  context: CallContext,
  options: { readonly timeoutMs: number }
): Effect.Effect<number, GuestError> =>
  inSession(
    context,
    Effect.callback<number, GuestError>((resume) => {
      const { link } = context
      const sentAt = performance.now()
      const listener: CallListener = {
        title: "ping",
        onMessage: () => {
          link.endCall(callId, listener)
          resume(Effect.succeed(performance.now() - sentAt))
        },
        onLost: (error) => resume(Effect.fail(error))
      }
      const callId = link.beginCall(listener)
      link.send(HostMessage.ping, 0, new ByteWriter(4).u32(callId).finish())
      return Effect.sync(() => link.endCall(callId, listener))
    }).pipe(
      Effect.timeoutOrElse({
        duration: options.timeoutMs,
        orElse: () =>
          Effect.fail(guestError({ _tag: "AgentSilent", waitedFor: "an answer to PING", afterMs: options.timeoutMs }))
      })
    )
  )
