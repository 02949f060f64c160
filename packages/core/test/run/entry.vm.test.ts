import * as net from "node:net"
import { assert, describe, layer } from "@effect/vitest"
import type { Machine } from "@nix-vm-test/core/machine/Machine"
import { maskedUnits } from "@nix-vm-test/core/store/builder/Recipe"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Guests } from "../support/Guests.ts"
import { makeOwnCache } from "../support/ownCache.ts"
import { stockCatalog } from "../support/stockCatalog.ts"

/** Two at a time: a guest has one processor, and most hosts have more. */
const machines = (images: { readonly bookworm: string; readonly trixie: string }) => ({
  bookworm: { image: images.bookworm, memory: "768MiB", start: "cold" as const },
  trixie: { image: images.trixie, memory: "768MiB", start: "cold" as const }
})

/** The first line that a server says. */
const greeting = (address: { readonly host: string; readonly port: number }) =>
  Effect.callback<string>((resume) => {
    const socket = net.connect(address)
    socket.once("data", (chunk) => resume(Effect.succeed(chunk.toString())))
    socket.once("error", (error) => resume(Effect.die(error)))
    return Effect.sync(() => socket.destroy())
  })

/** A guest that lacks nothing a test may expect of it, whichever way the agent came. */
const checkSettled = Effect.fnUntraced(function* (vm: Machine) {
  const state = yield* vm.exec("systemctl is-system-running --wait", { strict: false, timeout: "5 minutes" })
  const failed = yield* vm.succeed("systemctl list-units --failed --plain --no-legend")
  assert.deepStrictEqual([failed, state.text.trim()], ["", "running"])
  assert.match(yield* vm.succeed("getent shadow root"), /^root::/u)
  assert.match(yield* vm.succeed("cloud-init status 2>&1 || true"), /status: disabled/u)
  const states = yield* vm.exec(`systemctl is-enabled ${maskedUnits.join(" ")}`, { strict: false })
  assert.deepStrictEqual(new Set(states.text.trim().split("\n")), new Set(["masked"]))
  assert.strictEqual((yield* vm.succeed("cat /etc/machine-id")).length, 33)
  // By its address and its way out the driver's NIC is reached from the host, and sshd answers with its keys.
  assert.include(yield* vm.succeed("ip -4 -brief address"), "10.0.2.15/24")
  yield* vm.waitForOpenPort(22)
  assert.match(yield* greeting(yield* vm.forwardPort(22)), /^SSH-2\.0-/u)
})

const bothAreSettled = Effect.gen(function* () {
  const guests = yield* Guests
  yield* Effect.forEach(["bookworm", "trixie"], (name) => checkSettled(guests.machine(name)), {
    concurrency: "unbounded",
    discard: true
  })
})

const preparing = Layer.unwrap(
  Effect.map(makeOwnCache(["images", "builds", "probe"]), (cache) =>
    Guests.layer(
      { machines: machines({ bookworm: "debian-12-stock:nocloud", trixie: "debian-13-stock:nocloud" }) },
      { catalog: stockCatalog, cache }
    )
  )
)

describe("the agent enters an untouched cloud image", () => {
  layer(
    Guests.layer(
      { machines: machines({ bookworm: "debian-12-stock:tmpfiles", trixie: "debian-13-stock:credential" }) },
      { catalog: stockCatalog }
    ),
    { excludeTestServices: true, timeout: "10 minutes" }
  )("by tmpfiles (Debian 12) and by credentials (13)", (it) => {
    it.effect("and settles it", () => bothAreSettled)

    it.effect("and comes back after a reboot", () =>
      Effect.gen(function* () {
        const vm = (yield* Guests).machine("bookworm")
        yield* vm.reboot()
        yield* checkSettled(vm)
      })
    )
  })

  layer(preparing, { excludeTestServices: true, timeout: "15 minutes" })(
    "by cloud-init, in one preparation boot",
    (it) => {
      it.effect("and settles it", () => bothAreSettled)

      it.effect("and tells of the preparation step by step", () =>
        Effect.gen(function* () {
          const { events } = yield* Guests
          const texts = events().flatMap((event) =>
            event._tag === "ImageProgress" && event.image === "debian-12-stock:nocloud" ? [event.text] : []
          )
          assert.includeMembers(texts, [
            "preparing: booting the kernel",
            "preparing: settling",
            "preparing: powering off",
            "prepared for tests"
          ])
        })
      )
    }
  )

  layer(
    Guests.layer(
      { machines: { trixie: { image: "debian-13-stock:tmpfiles", memory: "768MiB", start: "cold" } } },
      { catalog: stockCatalog }
    ),
    { excludeTestServices: true, timeout: "10 minutes" }
  )("by tmpfiles on Debian 13 too", (it) => {
    it.effect("and settles it", () => Effect.flatMap(Guests, (guests) => checkSettled(guests.machine("trixie"))))
  })
})
