/** `npm run bench -- NAME [--json FILE]`: measures, prints a table, and writes `{ "bench": NAME, "figures": { KEY: number } }`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type { Bench, Figures } from "./Bench.ts"
import { checkpoint } from "./checkpoint.ts"
import { clone } from "./clone.ts"
import { clones } from "./clones.ts"
import { commands } from "./commands.ts"
import { python } from "./python.ts"
import { seal } from "./seal.ts"
import { shell } from "./shell.ts"
import { prepare } from "./prepare.ts"
import { startup } from "./startup.ts"
import { transfer } from "./transfer.ts"

const benches: ReadonlyArray<Bench> = [
  commands,
  transfer,
  python,
  startup,
  shell,
  clone,
  clones,
  seal,
  checkpoint,
  prepare
]

const digits = (value: number): string => value.toFixed(Math.abs(value) < 100 ? 2 : 0)

const table = (figures: Figures): string => {
  const rows = Object.entries(figures).map(([key, value]) => [key, digits(value)] as const)
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length))
  return rows.map(([key, value]) => `  ${key.padEnd(width(0))}  ${value.padStart(width(1))}`).join("\n")
}

const bench = Command.make(
  "bench",
  {
    bench: Argument.ChoiceWithValue(
      "name",
      benches.map((each) => [each.name, each] as const)
    ).pipe(Argument.withDescription(benches.map(({ name, description }) => `${name}: ${description}`).join("; "))),
    json: Flag.String("json").pipe(Flag.withDescription("Also write the figures to this file"), Flag.optional)
  },
  Effect.fn("bench")(function* ({ bench: { name, description, run }, json }) {
    yield* Console.error(`${name}: ${description}`)
    const figures = yield* run
    yield* Console.log(table(figures))
    if (Option.isSome(json)) {
      const files = yield* FileSystem.FileSystem
      yield* files.writeFileString(json.value, `${JSON.stringify({ bench: name, figures }, undefined, 2)}\n`)
    }
  })
)

bench.pipe(Command.run({ version: "0.1.0" }), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
