/** The table of a machine's arguments on one family's guest: all of them at once, on a machine that boots and on a clone. */
import { afterAll, assert, layer } from "@effect/vitest"
import type { ImageFacts } from "@nix-vm-test/core/spec/Image"
import type { ImageCatalog } from "@nix-vm-test/core/store/ImageCatalog"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { Guests } from "../../support/Guests.ts"
import { makePackageScene } from "../../support/packageScene.ts"
import { makeShareScene } from "../../support/shareScene.ts"
import { askFor, checksOf, type Given, type Start, starts, type Wanted } from "./machineTable.ts"

export interface Family {
  readonly image: string
  readonly facts: ImageFacts
  readonly memory: string
  readonly catalog?: Layer.Layer<ImageCatalog>
  /** Also looks for everything after a reboot, which costs a boot more. */
  readonly reboots: boolean
}

// Common to all families of a file.
const shares = makeShareScene()
const packages = makePackageScene()
afterAll(() => {
  shares.remove()
  packages.remove()
})

export const familySuite = ({ image, facts, memory, catalog, reboots }: Family): void => {
  const wantedAs = (start: Start): Wanted => ({
    start,
    image,
    memory,
    facts,
    shares,
    packages,
    writable: shares.writable(`${image.replace(":", "-")}-${start}`)
  })
  const wanted = { cold: wantedAs("cold"), clone: wantedAs("clone") }
  const guests = Guests.layer(
    { machines: { cold: askFor(wanted.cold), clone: askFor(wanted.clone) }, networks: { lan: {} } },
    catalog === undefined ? {} : { catalog }
  )
  const given = (start: Start) =>
    Effect.map(Guests, ({ runMachine, events }): Given => ({
      ...wanted[start],
      runMachine: runMachine(start),
      peer: runMachine(start === "cold" ? "clone" : "cold"),
      events: events()
    }))

  layer(guests, { excludeTestServices: true, timeout: "15 minutes" })(image, (it) => {
    for (const start of starts) {
      it.effect.each(checksOf(wanted[start]))(`${start}: $argument`, ({ check }) => Effect.flatMap(given(start), check))
    }

    it.effect("clone: comes back to a checkpoint", () =>
      Effect.gen(function* () {
        const { machine } = (yield* given("clone")).runMachine
        const before = yield* machine.checkpoint()
        yield* machine.succeed("echo after >/root/after")
        yield* machine.restore(before)
        yield* machine.succeed("test ! -e /root/after")
      })
    )

    if (reboots) {
      it.effect("cold: has everything after a reboot as well", () =>
        Effect.gen(function* () {
          const machine = yield* given("cold")
          yield* machine.runMachine.machine.reboot()
          const lost = yield* Effect.filter(checksOf(wanted.cold), ({ check }) => Effect.isFailure(check(machine)))
          assert.deepStrictEqual(
            lost.map(({ argument }) => argument),
            []
          )
        })
      )
    }
  })
}
