/** Ways of the agent into untouched images; the way by tmpfiles is that of the published image in `pinned.vm.test.ts`. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Guests } from "../support/Guests.ts"
import { makeOwnCache } from "../support/ownCache.ts"
import { stockCatalog } from "../support/stockCatalog.ts"
import { checkSettled } from "./checkSettled.ts"

const prepared = "debian-12-stock:nocloud"

const guests = Layer.unwrap(
  Effect.map(makeOwnCache(["images", "builds", "probe"]), (cache) =>
    Guests.layer(
      {
        machines: {
          bookworm: { image: prepared, memory: "768MiB", start: "cold" },
          trixie: { image: "debian-13-stock:credential", memory: "768MiB", start: "cold" }
        }
      },
      { catalog: stockCatalog, cache }
    )
  )
)

layer(guests, { excludeTestServices: true, timeout: "15 minutes" })("the agent enters an untouched image", (it) => {
  it.effect.each(["bookworm", "trixie"])("and settles it: %s, by cloud-init (Debian 12) or credentials (13)", (name) =>
    Effect.flatMap(Guests, ({ runMachine }) => checkSettled(runMachine(name)))
  )

  it.effect("by cloud-init in one preparation boot, which is told of step by step", () =>
    Effect.gen(function* () {
      const { events } = yield* Guests
      const texts = events().flatMap((event) =>
        event._tag === "ImageProgress" && event.image === prepared ? [event.text] : []
      )
      assert.includeMembers(texts, [
        "preparing: booting the kernel",
        "preparing: settling",
        "preparing: powering off",
        "prepared for tests"
      ])
    })
  )
})
