/**
 * The host's side of what goes into a call: the stdin of a process or the content of a file, sent as the agent grants credit.
 */
import * as Effect from "effect/Effect"
import type { AgentLink } from "./AgentLink.ts"
import { maxPayloadBytes } from "./Frame.ts"
import { HostMessage } from "./HostMessage.ts"

/** More than the agent may ever grant at once (docs/protocol.md: it holds 512 KiB): a larger sum is an attempt to fill the host's memory. */
const maxCreditBytes = 4 * 1024 * 1024

interface Write {
  readonly bytes: Uint8Array
  sent: number
  readonly onDone: (taken: boolean) => void
}

export class StdinFeed {
  readonly #link: AgentLink
  #callId = 0
  #credit = 0
  #state: "open" | "ended" | "closed" = "open"
  #writes: Array<Write> = []

  constructor(link: AgentLink) {
    this.#link = link
  }

  /** The call that this feeds has begun; credit comes later. */
  attach(callId: number): void {
    this.#callId = callId
  }

  /** False when the agent granted more than the protocol allows. */
  grant(credit: { readonly bytes: number; readonly closed: boolean }): boolean {
    if (credit.closed || this.#state === "closed") {
      this.close()
      return true
    }
    this.#credit += credit.bytes
    if (this.#credit > maxCreditBytes) {
      return false
    }
    this.#pump()
    return true
  }

  /** Queues bytes; `onDone` hears true when all were sent, false when nobody reads them any more. Gives how to take the rest back. */
  offer(bytes: Uint8Array, onDone: (taken: boolean) => void): () => void {
    if (this.#state !== "open") {
      onDone(false)
      return () => {}
    }
    const write: Write = { bytes, sent: 0, onDone }
    this.#writes.push(write)
    this.#pump()
    return () => {
      this.#writes = this.#writes.filter((other) => other !== write)
    }
  }

  /** Completes when all bytes were sent, with true, or when nobody reads them any more, with false. */
  write(bytes: Uint8Array): Effect.Effect<boolean> {
    return Effect.callback<boolean>((resume) => {
      const takeBack = this.offer(bytes, (taken) => resume(Effect.succeed(taken)))
      return Effect.sync(takeBack)
    })
  }

  /** End of file, after everything that was offered. */
  end(): void {
    this.offer(noBytes, (taken) => {
      if (taken && this.#state === "open") {
        this.#state = "ended"
        this.#link.send(HostMessage.stdinEnd, this.#callId)
      }
    })
  }

  /** Nobody reads any more. */
  close(): void {
    this.#state = "closed"
    const writes = this.#writes
    this.#writes = []
    for (const write of writes) {
      write.onDone(false)
    }
  }

  #pump(): void {
    while (this.#callId !== 0) {
      const write = this.#writes[0]
      if (write === undefined) {
        return
      }
      while (this.#credit > 0 && write.sent < write.bytes.length) {
        const size = Math.min(maxPayloadBytes, this.#credit, write.bytes.length - write.sent)
        this.#link.send(HostMessage.stdin, this.#callId, write.bytes.subarray(write.sent, write.sent + size))
        write.sent += size
        this.#credit -= size
      }
      if (write.sent < write.bytes.length) {
        return
      }
      this.#writes.shift()
      write.onDone(true)
    }
  }
}

const noBytes = new Uint8Array(0)
