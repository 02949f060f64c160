import { randomFillSync } from "node:crypto"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { Steps } from "@nix-vm-test/core/machine/Steps"
import { pythonBody } from "@nix-vm-test/driver/python/pythonBody"
import { pythonScriptOfText } from "@nix-vm-test/driver/python/PythonScript"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Bench } from "./Bench.ts"
import { type BenchGuest, withGuest } from "./benchGuest.ts"
import { median } from "./median.ts"
import { baselineOut, inGuest, lostBytes, mebibyte, mebibytesPerSecond, scratchFolder } from "./output.ts"

const rounds = 6
const commandsPerRound = 40
const outputSize = 16 * mebibyte
const outputTries = 3

const decodeNumbers = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Schema.Finite)))

/** Runs a Python script on the guest; gives the numbers that it writes to the file `result`. */
const runPython = Effect.fnUntraced(function* (guest: BenchGuest, script: ReadonlyArray<string>) {
  const result = path.join(yield* scratchFolder, "result")
  const text = [
    "import json, time",
    "def tell(numbers):",
    `    with open(${JSON.stringify(result)}, "w") as file:`,
    "        json.dump(numbers, file)",
    ...script
  ].join("\n")
  const { open } = pythonBody({ script: pythonScriptOfText(text), machines: ["machine"], command: "python3" })
  const run = yield* open
  yield* run({ machines: { machine: guest.machine }, bus: yield* EventBus, steps: yield* Steps })
  return yield* decodeNumbers(yield* Effect.promise(() => fs.readFile(result, "utf8")))
}, Effect.scoped)

const inPython = (guest: BenchGuest) =>
  runPython(guest, [
    "taken = []",
    `for _ in range(${commandsPerRound}):`,
    "    begin = time.perf_counter()",
    '    machine.succeed("true")',
    "    taken.append((time.perf_counter() - begin) * 1000)",
    "tell(taken)"
  ])

const inTypeScript = ({ machineOfScripts }: BenchGuest) =>
  Effect.promise(async () => {
    const taken: Array<number> = []
    for (let index = 0; index < commandsPerRound; index++) {
      const begin = performance.now()
      await machineOfScripts.succeed("true")
      taken.push(performance.now() - begin)
    }
    return taken
  })

/** Bytes of a guest's file as a script gets them: seconds of the quickest try, and what was lost in all of them. */
const outOfPython = Effect.fnUntraced(function* (guest: BenchGuest, bytes: Uint8Array) {
  const folder = yield* scratchFolder
  const received = (index: number) => path.join(folder, `received${index}`)
  const seconds = yield* runPython(guest, [
    "taken = []",
    `for index in range(${outputTries}):`,
    "    begin = time.perf_counter()",
    `    status, output = machine.execute("cat ${inGuest}", text=False)`,
    "    taken.append(time.perf_counter() - begin)",
    `    with open(${JSON.stringify(path.join(folder, "received"))} + str(index), "wb") as file:`,
    "        file.write(output)",
    "tell(taken)"
  ])
  let lost = 0
  for (let index = 0; index < outputTries; index++) {
    lost += lostBytes(bytes, yield* Effect.promise(() => fs.readFile(received(index))))
  }
  return { speed: outputSize / mebibyte / Math.min(...seconds), lost }
}, Effect.scoped)

const measure = Effect.fnUntraced(function* (guest: BenchGuest) {
  const bytes = randomFillSync(Buffer.alloc(outputSize))
  const file = path.join(yield* scratchFolder, "random")
  yield* Effect.promise(() => fs.writeFile(file, bytes))
  yield* guest.machine.copyFromHost(file, inGuest)

  const samples: Record<"python" | "typeScript", Array<number>> = { python: [], typeScript: [] }
  // In turn, so that a change in the machine's load meets both.
  for (let round = 0; round < rounds; round++) {
    samples.typeScript.push(...(yield* inTypeScript(guest)))
    samples.python.push(...(yield* inPython(guest)))
  }
  const python = yield* outOfPython(guest, bytes)
  const begin = performance.now()
  yield* guest.machine.exec(["cat", inGuest])
  const typeScriptOut = mebibytesPerSecond(outputSize, begin)
  const baseline = yield* baselineOut(guest, bytes)
  const [pythonMs, typeScriptMs] = [median(samples.python), median(samples.typeScript)]
  return {
    pythonMs,
    typeScriptMs,
    vsTypeScript: pythonMs / typeScriptMs,
    lostBytes: python.lost,
    outMiBs: python.speed,
    typeScriptOutMiBs: typeScriptOut,
    baselineOutMiBs: baseline.speed,
    outVsBaseline: python.speed / baseline.speed
  }
}, Effect.scoped)

export const python: Bench = {
  name: "python",
  description:
    'succeed("true") from a Python script against one in TypeScript, in turn (medians, one guest); 16 MiB of output through Python against base64 on a console (MiB/s)',
  run: withGuest(measure)
}
