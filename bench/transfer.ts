import { randomFillSync } from "node:crypto"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Bench } from "./Bench.ts"
import { type BenchGuest, withGuest } from "./benchGuest.ts"

const mebibyte = 1024 ** 2
const size = 64 * mebibyte
/** The baseline takes its time; its throughput does not grow with the size. */
const baselineOutSize = 2 * mebibyte
const baselineTries = 4
const baselineInSize = mebibyte / 2
/** As much as fits into one argument once it is base64: the kernel's limit is 128 KiB. */
const baselineInPart = 64 * 1024

/** Not on a disk: neither the guest's nor the host's is what is measured. */
const inGuest = "/dev/shm/bench"

/** Bytes that are missing, added, or others than they were. */
const lostBytes = (sent: Uint8Array, received: Uint8Array): number => {
  if (Buffer.compare(sent, received) === 0) return 0
  let lost = Math.abs(sent.length - received.length)
  for (let at = 0; at < Math.min(sent.length, received.length); at++) if (sent[at] !== received[at]) lost++
  return lost
}

const mebibytesPerSecond = (bytes: number, begin: number): number =>
  bytes / mebibyte / ((performance.now() - begin) / 1000)

const scratchFolder = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "nvt-bench-"))),
  (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
)

/** Reads a command's output with a pause after each part, so that all buffers on the way are full. */
const readSlowly = Effect.fnUntraced(function* ({ machine }: BenchGuest) {
  const parts: Array<Uint8Array> = []
  const process = yield* machine.spawn(["cat", inGuest])
  yield* Stream.runForEachArray(process.stdout, (chunks) => {
    parts.push(...chunks)
    return Effect.sleep("20 millis")
  })
  return Buffer.concat(parts)
}, Effect.scoped)

/** The best of some tries: bytes get lost, and a reply whose end is lost is waited for in vain. */
const baselineOut = Effect.fnUntraced(function* ({ machine, consoleShell }: BenchGuest, bytes: Uint8Array) {
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

const baselineIn = Effect.fnUntraced(function* ({ consoleShell }: BenchGuest, bytes: Uint8Array) {
  const begin = performance.now()
  for (let at = 0; at < baselineInSize; at += baselineInPart) {
    const part = Buffer.from(bytes.subarray(at, at + baselineInPart)).toString("base64")
    yield* consoleShell.execute(`echo -n ${part} | base64 -d >>${inGuest}.part`)
  }
  return mebibytesPerSecond(baselineInSize, begin)
})

const measure = Effect.fnUntraced(function* (guest: BenchGuest) {
  const { machine } = guest
  const bytes = randomFillSync(Buffer.alloc(size))
  const file = path.join(yield* scratchFolder, "random")
  yield* Effect.promise(() => fs.writeFile(file, bytes))

  const inBegin = performance.now()
  yield* machine.copyFromHost(file, inGuest)
  const inSpeed = mebibytesPerSecond(size, inBegin)
  const outBegin = performance.now()
  const { stdout } = yield* machine.exec(["cat", inGuest])
  const outSpeed = mebibytesPerSecond(size, outBegin)
  const slowly = yield* readSlowly(guest)
  const out = yield* baselineOut(guest, bytes)
  const baselineInSpeed = yield* baselineIn(guest, bytes)

  return {
    inMiBs: inSpeed,
    outMiBs: outSpeed,
    baselineInMiBs: baselineInSpeed,
    baselineOutMiBs: out.speed,
    baselineLostBytes: out.lost,
    lostBytes: lostBytes(bytes, stdout) + lostBytes(bytes, slowly),
    inVsBaseline: inSpeed / baselineInSpeed,
    outVsBaseline: outSpeed / out.speed
  }
}, Effect.scoped)

export const transfer: Bench = {
  name: "transfer",
  description:
    "64 MiB of random bytes in by copyFromHost, and out by a command with a quick and a slow reader, against base64 on a console (MiB/s, one guest)",
  run: withGuest(measure)
}
