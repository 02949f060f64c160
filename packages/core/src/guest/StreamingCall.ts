/**
 * A call whose answer is a stream: a process, a file's content, a directory's listing. Keeps the windows, checks the totals, and goes on
 * reading after its owner has left, so that the agent can end it.
 */
import type { AgentLink, CallListener } from "./AgentLink.ts"
import {
  AgentMessage,
  decodeEndOfStream,
  decodeExit,
  decodeResult,
  decodeStarted,
  decodeStdinCredit,
  type ExitMessage,
  type ResultMessage
} from "./AgentMessage.ts"
import type { OutputStream } from "./GuestChannel.ts"
import { type GuestError, guestError } from "./GuestError.ts"
import { encodeCredit, encodeKill, HostMessage } from "./HostMessage.ts"
import { outputWindowBytes, ReceiveWindow } from "./ReceiveWindow.ts"
import type { StdinFeed } from "./StdinFeed.ts"

const sigkill = 9

/** What the owner of a call hears; exactly one of `onExit` and `onError` comes, and it comes last. */
export interface StreamingCallOwner {
  /** The bytes stay in the window until they are given to `consumed`. */
  readonly onData: (stream: OutputStream, bytes: Uint8Array) => void
  readonly onExit: (exit: ExitMessage) => void
  readonly onError: (error: GuestError) => void
  readonly onStarted?: (pid: number) => void
  readonly onEndOfStream?: (stream: OutputStream) => void
  readonly onResult?: (result: ResultMessage) => void
}

export class StreamingCall implements CallListener {
  readonly title: string
  readonly #link: AgentLink
  readonly #stdin: StdinFeed | undefined
  readonly #windows = { stdout: new ReceiveWindow(outputWindowBytes), stderr: new ReceiveWindow(outputWindowBytes) }
  /** Undefined once the call ended or its owner left. */
  #owner: StreamingCallOwner | undefined
  #callId: number
  #running = true

  private constructor(options: {
    readonly title: string
    readonly link: AgentLink
    readonly owner: StreamingCallOwner
    readonly stdin?: StdinFeed | undefined
  }) {
    this.title = options.title
    this.#link = options.link
    this.#owner = options.owner
    this.#stdin = options.stdin
    this.#callId = options.link.beginCall(this)
  }

  /** Begins a call on the live session; its payload must grant `outputWindowBytes`. */
  static start(options: {
    readonly title: string
    readonly link: AgentLink
    readonly type: number
    readonly payload: Uint8Array
    readonly owner: StreamingCallOwner
    readonly stdin?: StdinFeed | undefined
  }): StreamingCall {
    const call = new StreamingCall(options)
    options.link.send(options.type, call.#callId, options.payload)
    options.stdin?.attach(call.#callId)
    return call
  }

  /** Nobody holds these bytes any more: the agent may send as many again. */
  consumed(stream: OutputStream, bytes: number): void {
    const credit = this.#windows[stream].consume(bytes)
    if (credit > 0 && this.#running) {
      this.#credit(stream, credit)
    }
  }

  #credit(stream: OutputStream, bytes: number): void {
    const credit = { stdout: 0, stderr: 0, [stream]: bytes }
    this.#link.send(HostMessage.credit, this.#callId, encodeCredit(credit))
  }

  /** To the whole process group. */
  kill(signal: number): void {
    if (this.#running) {
      this.#link.send(HostMessage.kill, this.#callId, encodeKill(signal))
    }
  }

  resize(payload: Uint8Array): void {
    if (this.#running) {
      this.#link.send(HostMessage.resize, this.#callId, payload)
    }
  }

  /** The owner leaves: the process group is killed, and what still comes is dropped. */
  abandon(): void {
    this.#owner = undefined
    this.#stdin?.close()
    if (this.#running) {
      this.kill(sigkill)
      for (const stream of ["stdout", "stderr"] as const) {
        this.consumed(stream, this.#windows[stream].held)
      }
    }
  }

  onMessage(type: number, payload: Uint8Array): void {
    switch (type) {
      case AgentMessage.stdout:
        return this.#onData("stdout", payload)
      case AgentMessage.stderr:
        return this.#onData("stderr", payload)
      case AgentMessage.exit:
        return this.#onExit(decodeExit(payload))
      case AgentMessage.stdinCredit: {
        const credit = decodeStdinCredit(payload)
        if (credit === undefined) {
          return this.#link.violated("a malformed STDIN_CREDIT")
        }
        return this.#stdin?.grant(credit) === false
          ? this.#link.violated("more credit for stdin than the agent can hold")
          : undefined
      }
      case AgentMessage.started: {
        const started = decodeStarted(payload)
        return started === undefined
          ? this.#link.violated("a malformed STARTED")
          : this.#owner?.onStarted?.(started.pid)
      }
      case AgentMessage.endOfStream: {
        const stream = decodeEndOfStream(payload)
        return stream === undefined ? this.#link.violated("a malformed EOF") : this.#owner?.onEndOfStream?.(stream)
      }
      case AgentMessage.result:
        return this.#onResult(decodeResult(payload))
    }
  }

  onLost(error: GuestError): void {
    this.#end()?.onError(error)
  }

  #onData(stream: OutputStream, bytes: Uint8Array): void {
    if (!this.#windows[stream].receive(bytes.length)) {
      this.#link.violated(`more ${stream} than it was granted`)
    } else if (this.#owner === undefined) {
      this.consumed(stream, bytes.length)
    } else if (bytes.length > 0) {
      this.#owner.onData(stream, bytes)
    }
  }

  #onResult(result: ResultMessage | undefined): void {
    if (result === undefined) {
      this.#link.violated("a malformed RESULT")
    } else if (result.errno !== 0) {
      // A request that was refused has no EXIT after its RESULT.
      this.#end()?.onResult?.(result)
    } else {
      this.#owner?.onResult?.(result)
    }
  }

  #onExit(exit: ExitMessage | undefined): void {
    if (exit === undefined) {
      return this.#link.violated("a malformed EXIT")
    }
    const owner = this.#end()
    const lost = this.#lostBytes("stdout", exit.stdoutBytes) ?? this.#lostBytes("stderr", exit.stderrBytes)
    if (lost === undefined) {
      owner?.onExit(exit)
    } else {
      owner?.onError(lost)
    }
  }

  #lostBytes(stream: OutputStream, sent: number): GuestError | undefined {
    const { received } = this.#windows[stream]
    return received === sent ? undefined : guestError({ _tag: "BytesLost", stream, sent, received })
  }

  #end(): StreamingCallOwner | undefined {
    const owner = this.#owner
    this.#owner = undefined
    this.#running = false
    this.#link.endCall(this.#callId, this)
    this.#stdin?.close()
    return owner
  }
}
