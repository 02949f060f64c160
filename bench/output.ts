/** Output of commands in bytes: what is lost of it, how fast it comes, and how fast it comes from a shell on a console. */
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import type { BenchGuest } from "./benchGuest.ts"

export const mebibyte = 1024 ** 2
/** The baseline takes its time; its throughput does not grow with the size. */
const baselineOutSize = 2 * mebibyte
const baselineTries = 4

/** Not on a disk: neither the guest's nor the host's is what is measured. */
export const inGuest = "/dev/shm/bench"

/** Bytes that are missing, added, or others than they were. */
export const lostBytes = (sent: Uint8Array, received: Uint8Array): number => {
  if (Buffer.compare(sent, received) === 0) return 0
  let lost = Math.abs(sent.length - received.length)
  for (let at = 0; at < Math.min(sent.length, received.length); at++) if (sent[at] !== received[at]) lost++
  return lost
}

export const mebibytesPerSecond = (bytes: number, begin: number): number =>
  bytes / mebibyte / ((performance.now() - begin) / 1000)

export const scratchFolder = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nvt-bench-"))),
  (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
)

/** The best of some tries: bytes get lost, and a reply whose end is lost is waited for in vain. */
export const baselineOut = Effect.fnUntraced(function* ({ machine, consoleShell }: BenchGuest, bytes: Uint8Array) {
  yield* machine.succeed(`head -c ${baselineOutSize} ${inGuest} >${inGuest}.part`)
  let speed = 0
  let lost = 0
  for (let attempt = 0; attempt < baselineTries; attempt++) {
    const begin = performance.now()
    const received = yield* consoleShell.execute(`cat ${inGuest}.part`)
    speed = Math.max(speed, mebibytesPerSecond(received.length, begin))
    lost += lostBytes(bytes.subarray(0, baselineOutSize), received)
  }
  return { speed, lost }
})
