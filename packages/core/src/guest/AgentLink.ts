/**
 * One end of the agent's port: the session, its frames and its calls, as plain callbacks on the socket's own read.
 *
 * This is the path that every command takes, so it has no fibres, timers or sockets of its own: `superviseLink` connects it, and decides
 * when to say SYNC and when the agent has been silent for too long.
 */
import { randomBytes } from "node:crypto"
import { AgentMessage, decodeLog, decodePong, type AgentLogLine } from "./AgentMessage.ts"
import { ByteReader } from "./ByteReader.ts"
import { encodeFrame, FrameDecoder, maxPayloadBytes, type Frame } from "./Frame.ts"
import type { GuestSession } from "./GuestChannel.ts"
import { type GuestError, guestError } from "./GuestError.ts"
import { encodeSync, HelloScanner, nonceBytes, plainView, sessionKey } from "./Handshake.ts"
import { emptyPayload } from "./HostMessage.ts"

/** What happens to one call. Called on the socket's read: must not throw. */
export interface CallListener {
  /** What the call is, for who has to know of calls in flight. */
  readonly title: string
  readonly onMessage: (type: number, payload: Uint8Array) => void
  /** The session ended before the call did; nothing more will come. */
  readonly onLost: (error: GuestError) => void
}

/** Somebody who waits for a session. */
interface Waiter {
  readonly onSession: (session: GuestSession) => void
  readonly onFailed: (error: GuestError) => void
}

/** What the supervisor has to know of. */
export type LinkChange =
  | "hello"
  /** The session ended, but an agent is there to greet. */
  | "lost"
  /** The agent has left the port. */
  | "agentLeft"
  | "portOpened"
  /**
   * Late news of the opening that led to this session, or all that is heard of an agent that was replaced: QEMU tells of a port once a second
   * at most, and then only how it is by now.
   */
  | "openedInSession"
  /** The guest goes on, in another state than it was held in or with a session that nothing of before may speak in. */
  | "released"
  | "closed"

export interface AgentLinkOptions {
  readonly onChange: (change: LinkChange) => void
  readonly onSession: (session: GuestSession) => void
  readonly onLog: (line: AgentLogLine) => void
}

type Phase =
  /** No SYNC was said yet on this connection, or the port is closed. */
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Syncing"; readonly scanner: HelloScanner; readonly key: number }
  | { readonly _tag: "Live"; readonly decoder: FrameDecoder; readonly key: number; readonly session: GuestSession }
  | { readonly _tag: "Closed" }

const idle: Phase = { _tag: "Idle" }

export class AgentLink {
  readonly #options: AgentLinkOptions
  #phase: Phase = idle
  #transmit: (bytes: Uint8Array) => void = () => {}
  /** The guest stands still: nothing is sent. */
  #isHeld = false
  /** This connection has carried nothing but whole SYNCs, so that the next one needs no padding. */
  #atFrameBoundary = false
  #sequence = 0
  #lastCallId = 0
  /** Calls of the live session. */
  #calls = new Map<number, CallListener>()
  /** Calls of a lost session, until the next hello tells why it was lost. */
  #orphans = new Set<CallListener>()
  #lostSince = 0
  #waiters = new Set<Waiter>()
  #lastSession: GuestSession | undefined
  #lastHeard = 0

  constructor(options: AgentLinkOptions) {
    this.#options = options
  }

  get session(): GuestSession | undefined {
    return this.#phase._tag === "Live" ? this.#phase.session : undefined
  }

  get isClosed(): boolean {
    return this.#phase._tag === "Closed"
  }

  /** Somebody waits for an answer of the agent. */
  get isAwaited(): boolean {
    return this.#calls.size > 0
  }

  /** What was asked for and has not ended, by title. */
  get callsInFlight(): ReadonlyArray<string> {
    return [...this.#calls.values(), ...this.#orphans].map(({ title }) => title)
  }

  /** When bytes of the live session came last; on `performance.now`'s clock. */
  get lastHeard(): number {
    return this.#lastHeard
  }

  /** Since when calls of a lost session wait for the next one; undefined when none does. */
  get orphanedSince(): number | undefined {
    return this.#orphans.size > 0 ? this.#lostSince : undefined
  }

  /** A new connection to the port; the old one must not deliver any more. */
  connected(transmit: (bytes: Uint8Array) => void): void {
    this.#transmit = transmit
    this.#atFrameBoundary = false
  }

  /** Begins a session: from now on everything is skipped up to the answer to this very SYNC. */
  sync(): void {
    if (this.#phase._tag === "Closed" || this.#isHeld) {
      return
    }
    this.#abandonSession()
    const nonce = randomBytes(nonceBytes)
    this.#phase = { _tag: "Syncing", scanner: new HelloScanner(nonce), key: sessionKey(nonce) }
    this.#transmit(encodeSync({ nonce, padded: !this.#atFrameBoundary }))
    this.#atFrameBoundary = true
  }

  /** Bytes from the port, in order. */
  receive(chunk: Uint8Array): void {
    const phase = this.#phase
    if (phase._tag === "Live") {
      this.#lastHeard = performance.now()
      this.#decode(phase.decoder, plainView(chunk))
    } else if (phase._tag === "Syncing") {
      const answer = phase.scanner.push(chunk)
      if (answer?._tag === "Refused") {
        this.#phase = idle
        this.#failWaiters(guestError({ _tag: "ProtocolViolation", detail: answer.detail }))
      } else if (answer !== undefined) {
        this.#begin({ session: answer.session, key: phase.key, rest: answer.rest })
      }
    }
  }

  #begin(options: { readonly session: GuestSession; readonly key: number; readonly rest: Uint8Array }): void {
    const { session, key } = options
    const decoder = new FrameDecoder({ key, onFrame: (frame) => this.#dispatch(frame) })
    this.#phase = { _tag: "Live", decoder, key, session }
    this.#sequence = 0
    this.#lastHeard = performance.now()
    const rebooted = this.#lastSession !== undefined && this.#lastSession.bootId !== session.bootId
    this.#lastSession = session
    this.failOrphans(guestError({ _tag: rebooted ? "GuestRebooted" : "AgentRestarted" }))
    this.#options.onSession(session)
    this.#options.onChange("hello")
    const waiters = this.#waiters
    this.#waiters = new Set()
    for (const waiter of waiters) {
      waiter.onSession(session)
    }
    this.#decode(decoder, options.rest)
  }

  #decode(decoder: FrameDecoder, bytes: Uint8Array): void {
    const violation = decoder.push(bytes)
    if (violation !== undefined) {
      this.violated(violation)
    }
  }

  #dispatch(frame: Frame): void {
    if (frame.more) {
      this.violated(`a message of type ${frame.type} comes in parts`)
    } else if (frame.callId !== 0) {
      // Calls that ended a moment ago may still be spoken of; nobody listens to them.
      this.#calls.get(frame.callId)?.onMessage(frame.type, frame.payload)
    } else if (frame.type === AgentMessage.pong) {
      this.#onPong(frame.payload)
    } else if (frame.type === AgentMessage.log) {
      const line = decodeLog(frame.payload)
      if (line !== undefined) {
        this.#options.onLog(line)
      }
    } else if (frame.type === AgentMessage.bye) {
      this.agentLeft()
    }
  }

  /** A PING that somebody waits for carries the id of its call; one that only wants a sign of life carries nothing. */
  #onPong(payload: Uint8Array): void {
    const pong = decodePong(payload)
    if (pong === undefined) {
      this.violated("a malformed PONG")
    } else if (pong.opaque.length === 4) {
      this.#calls.get(new ByteReader(pong.opaque).u32())?.onMessage(AgentMessage.pong, payload)
    }
  }

  /** Registers a call of the live session; its id is free again after `endCall`. */
  beginCall(listener: CallListener): number {
    do {
      this.#lastCallId = this.#lastCallId >= 0xffff_ffff ? 1 : this.#lastCallId + 1
    } while (this.#calls.has(this.#lastCallId))
    this.#calls.set(this.#lastCallId, listener)
    return this.#lastCallId
  }

  endCall(callId: number, listener: CallListener): void {
    if (this.#calls.get(callId) === listener) {
      this.#calls.delete(callId)
    }
    this.#orphans.delete(listener)
  }

  /** Sends one message of the live session, in as many frames as it needs; dropped when there is none. */
  send(type: number, callId: number, payload: Uint8Array = emptyPayload): void {
    const phase = this.#phase
    if (phase._tag !== "Live") {
      return
    }
    this.#atFrameBoundary = false
    let offset = 0
    do {
      const part = payload.length <= maxPayloadBytes ? payload : payload.subarray(offset, offset + maxPayloadBytes)
      offset += part.length
      const more = offset < payload.length
      this.#transmit(encodeFrame({ type, callId, more, payload: part, sequence: this.#sequence, key: phase.key }))
      this.#sequence = (this.#sequence + 1) >>> 0
    } while (offset < payload.length)
  }

  /** Calls back once there is a session; gives how to stop waiting. */
  awaitSession(waiter: Waiter): () => void {
    const phase = this.#phase
    if (phase._tag === "Live") {
      waiter.onSession(phase.session)
    } else if (phase._tag === "Closed") {
      waiter.onFailed(guestError({ _tag: "ChannelClosed" }))
    } else {
      this.#waiters.add(waiter)
    }
    return () => void this.#waiters.delete(waiter)
  }

  /** The agent broke the protocol: its session is over, and its calls fail now. */
  violated(detail: string): void {
    this.fail(guestError({ _tag: "ProtocolViolation", detail }))
  }

  /** Ends the session for a reason that is known already. */
  fail(error: GuestError): void {
    if (this.#phase._tag === "Live") {
      this.#abandonSession()
      this.failOrphans(error)
      this.#options.onChange("lost")
    }
  }

  /** The agent has gone; its calls learn at the next hello whether the guest rebooted or only the agent was restarted. */
  agentLeft(): void {
    if (this.#phase._tag === "Live") {
      this.#abandonSession()
      this.#options.onChange("agentLeft")
    }
  }

  /** The port was opened in the guest. */
  portOpened(): void {
    if (this.#phase._tag === "Live") this.#options.onChange("openedInSession")
    else if (this.#phase._tag !== "Closed") this.#options.onChange("portOpened")
  }

  /** Ends the session, and lets none begin before `release`: not a byte may reach a guest that is saved or replaced. Calls in flight fail. */
  hold(error: GuestError): void {
    this.#isHeld = true
    this.#abandonSession()
    this.failOrphans(error)
  }

  /** Begins a session again. Its guest may stand in the middle of any frame. */
  release(): void {
    this.#isHeld = false
    this.#atFrameBoundary = false
    if (this.#phase._tag !== "Closed") {
      this.#options.onChange("released")
    }
  }

  /** Nobody will answer any more: QEMU ended. */
  close(): void {
    if (this.#phase._tag === "Closed") {
      return
    }
    const error = guestError({ _tag: "ChannelClosed" })
    this.#abandonSession()
    this.#phase = { _tag: "Closed" }
    this.failOrphans(error)
    this.#failWaiters(error)
    this.#options.onChange("closed")
  }

  #abandonSession(): void {
    if (this.#phase._tag === "Live") {
      this.#phase.decoder.stop()
    }
    if (this.#phase._tag !== "Closed") {
      this.#phase = idle
    }
    if (this.#calls.size > 0) {
      this.#lostSince = performance.now()
      for (const listener of this.#calls.values()) {
        this.#orphans.add(listener)
      }
      this.#calls = new Map()
    }
  }

  /** Gives up on calls whose session was lost. */
  failOrphans(error: GuestError): void {
    const orphans = this.#orphans
    this.#orphans = new Set()
    for (const listener of orphans) {
      listener.onLost(error)
    }
  }

  #failWaiters(error: GuestError): void {
    const waiters = this.#waiters
    this.#waiters = new Set()
    for (const waiter of waiters) {
      waiter.onFailed(error)
    }
  }
}
