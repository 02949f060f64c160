/**
 * Output of a running process between the socket and its readers: chunks wait here, and credit goes back as they are taken, so that only
 * the process that writes too much waits. Never holds more than the window of each stream.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { OutputStream } from "./GuestChannel.ts"
import type { GuestError } from "./GuestError.ts"

export interface OutputChunk {
  readonly stream: OutputStream
  readonly bytes: Uint8Array
}

type Pulled = Effect.Effect<readonly [OutputChunk, ...Array<OutputChunk>], GuestError | Cause.Done>

interface Reader {
  readonly wants: ReadonlyArray<OutputStream>
  readonly resume: (pulled: Pulled) => void
}

export class OutputInbox {
  readonly #onTaken: (stream: OutputStream, bytes: number) => void
  #chunks: Array<OutputChunk> = []
  #readers: Array<Reader> = []
  readonly #ended = new Set<OutputStream>()
  #failure: GuestError | undefined

  /** `onTaken` hears what readers took. */
  constructor(onTaken: (stream: OutputStream, bytes: number) => void) {
    this.#onTaken = onTaken
  }

  add(chunk: OutputChunk): void {
    this.#chunks.push(chunk)
    this.#serve()
  }

  /** No more of this stream will come. */
  end(stream: OutputStream): void {
    this.#ended.add(stream)
    this.#serve()
  }

  /** No more of any stream will come; with `failure`, readers learn why once they have read what is here. */
  endAll(failure?: GuestError): void {
    this.#failure = failure
    this.#ended.add("stdout").add("stderr")
    this.#serve()
  }

  /** The chunks of some streams, in order of arrival. */
  read(wants: ReadonlyArray<OutputStream>): Stream.Stream<OutputChunk, GuestError> {
    const pull = Effect.callback<readonly [OutputChunk, ...Array<OutputChunk>], GuestError | Cause.Done>((resume) => {
      const reader: Reader = { wants, resume }
      this.#readers.push(reader)
      this.#serve()
      return Effect.sync(() => {
        this.#readers = this.#readers.filter((other) => other !== reader)
      })
    })
    return Stream.fromPull(Effect.succeed(pull))
  }

  #serve(): void {
    for (const reader of this.#readers) {
      // The reader before may have ended the fibre of this one.
      const pulled = this.#readers.includes(reader) ? this.#take(reader.wants) : undefined
      if (pulled !== undefined) {
        this.#readers = this.#readers.filter((other) => other !== reader)
        reader.resume(pulled)
      }
    }
  }

  #take(wants: ReadonlyArray<OutputStream>): Pulled | undefined {
    const [first, ...others] = this.#chunks.filter((chunk) => wants.includes(chunk.stream))
    if (first !== undefined) {
      this.#chunks = this.#chunks.filter((chunk) => !wants.includes(chunk.stream))
      const taken = [first, ...others] as const
      for (const chunk of taken) {
        this.#onTaken(chunk.stream, chunk.bytes.length)
      }
      return Effect.succeed(taken)
    }
    if (!wants.every((stream) => this.#ended.has(stream))) {
      return undefined
    }
    return this.#failure === undefined ? Cause.done() : Effect.fail(this.#failure)
  }
}
