import { randomFillSync } from "node:crypto"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Bench } from "./Bench.ts"
import { type BenchGuest, withGuest } from "./benchGuest.ts"
import { baselineOut, inGuest, lostBytes, mebibyte, mebibytesPerSecond, scratchFolder } from "./output.ts"

const size = 64 * mebibyte
const baselineInSize = mebibyte / 2
/** As much as fits into one argument once it is base64: the kernel's limit is 128 KiB. */
const baselineInPart = 64 * 1024

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
