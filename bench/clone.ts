import * as os from "node:os"
import { runServices } from "@nix-vm-test/driver/run/services"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { Bench } from "./Bench.ts"
import { median } from "./median.ts"
import { openSpec, secondsOf } from "./openSpec.ts"

const rounds = 7
const coldRounds = 2

const bare = { image: "debian:12", memory: "1GiB" } as const
/** By the DHCP server of QEMU's user network. */
const givenAddress = "10.0.2.15"
const networked = {
  ...bare,
  shares: { bench: { source: os.tmpdir(), target: "/mnt/bench", readOnly: true } }
} as const

/** From the start of a machine that is planned to the result of its first command. */
const firstCommand = (
  machine: typeof bare & { readonly start?: "clone" | "cold"; readonly shares?: typeof networked.shares },
  command: string
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const [opened] = yield* openSpec({ machines: { machine } })
      if (opened === undefined) return yield* Effect.die(new Error("the bench has no machine"))
      return yield* secondsOf(opened.machine.succeed(command))
    })
  )

/**
 * The guest has its address and its share before the script has the guest; the command proves both, by the shell's builtins: the start of programs
 * is no part of a clone's start.
 */
const proof = `shared=(/mnt/bench/*); test -e "\${shared[0]}"
read -r -d "" addresses </proc/net/fib_trie || :
[[ $addresses == *" ${givenAddress}"* ]]`

const measure = Effect.gen(function* () {
  yield* Console.error("making the template, if it is not there …")
  yield* firstCommand({ ...bare, start: "clone" }, "true")
  const clones: Array<number> = []
  const withNetwork: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    clones.push(yield* firstCommand({ ...bare, start: "clone" }, "true"))
    withNetwork.push(yield* firstCommand({ ...networked, start: "clone" }, proof))
  }
  const colds: Array<number> = []
  for (let round = 0; round < coldRounds; round++) {
    yield* Console.error("booting cold …")
    colds.push(yield* firstCommand({ ...bare, start: "cold" }, "true"))
  }
  const seconds = median(clones)
  const coldSeconds = median(colds)
  return { seconds, networkedSeconds: median(withNetwork), coldSeconds, vsCold: coldSeconds / seconds }
})

export const clone: Bench = {
  name: "clone",
  description:
    "from the start of a machine to its first command's result: a clone, a clone with an address and a share, a cold boot (seconds; medians); vsCold: cold / clone",
  run: measure.pipe(Effect.provide(runServices))
}
