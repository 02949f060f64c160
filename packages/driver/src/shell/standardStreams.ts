/** The process's own streams as Effects: what is written waits until it was taken, so that a slow reader slows the guest's command down. */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Writes bytes. A reader that is gone is no failure here: `runProgram` ends the program for it. */
export const writeBytes = (stream: NodeJS.WritableStream, bytes: Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => {
    stream.write(bytes, () => resume(Effect.void))
  })

/** All of stdin; one that can't be read is an empty one. */
export const stdinBytes: Stream.Stream<Uint8Array> = NodeStream.fromReadable({ evaluate: () => process.stdin }).pipe(
  Stream.catch(() => Stream.empty)
)
