import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Guests } from "../support/Guests.ts"

const machine = { image: "debian:12", memory: "512MiB" } as const

const guests = Guests.layer({
  networks: { lan: {}, storage: { ipv4: "10.5.0.0/24", mtu: 9000 } },
  machines: {
    client: { ...machine, networks: ["lan"] },
    server: { ...machine, networks: ["lan", "storage"] }
  }
})

/** The end of a link, and back. */
const cut = (blocked: boolean) =>
  Effect.gen(function* () {
    const { networks } = yield* Guests
    assert.isDefined(networks)
    yield* networks.order({ _tag: "Block", blocked, network: "lan", from: "client", to: "server" })
  })

describe("machines in networks", () => {
  layer(guests, { excludeTestServices: true, timeout: 600_000 })((it) => {
    it.effect("reach each other by name, over both families", () =>
      Effect.gen(function* () {
        const { machine: of } = yield* Guests
        yield* of("client").succeed("ping -4 -c 1 -W 5 server && ping -6 -c 1 -W 5 server")
        yield* of("server").succeed("ping -c 1 -W 5 client")
      })
    )

    it.effect("have NixOS' interfaces and addresses, which their own network service leaves alone", () =>
      Effect.gen(function* () {
        const { machine: of } = yield* Guests
        const addresses = yield* of("server").succeed("ip -br address show dev eth1; ip -br address show dev eth2")
        assert.match(addresses, /^eth1 +UP +192\.168\.1\.2\/24 .*2001:db8:1::2\/64/mu)
        assert.match(addresses, /^eth2 +UP +10\.5\.0\.2\/24 .*2001:db8:2::2\/64/mu)
        assert.strictEqual((yield* of("server").succeed("cat /sys/class/net/eth2/mtu")).trim(), "9000")
        assert.strictEqual((yield* of("server").succeed("cat /sys/class/net/eth1/address")).trim(), "52:54:00:12:01:02")
        assert.match(yield* of("server").succeed("networkctl --no-legend list eth1 eth2"), /unmanaged[\s\S]*unmanaged/u)
      })
    )

    it.effect("carry a service's bytes whole", () =>
      Effect.gen(function* () {
        const { machine: of } = yield* Guests
        yield* of("server").succeed("head -c 4194304 /dev/urandom >/root/file")
        yield* of("server").exec("cd /root && nohup python3 -m http.server 8000 >/dev/null 2>&1 &")
        yield* of("server").waitForOpenPort(8000)
        const [ours, theirs] = yield* Effect.all([
          of("client").succeed("curl -sf http://server:8000/file | sha256sum"),
          of("server").succeed("sha256sum </root/file")
        ])
        assert.strictEqual(ours, theirs)
      })
    )

    it.effect("lose each other where a link is cut, and find each other when it is mended", () =>
      Effect.gen(function* () {
        const { machine: of } = yield* Guests
        yield* cut(true)
        yield* of("client").fail("ping -c 1 -W 1 server")
        yield* cut(false)
        yield* of("client").waitUntilSucceeds("ping -c 1 -W 1 server", { timeout: "60s" })
      })
    )

    it.effect("are in their networks again after a reboot", () =>
      Effect.gen(function* () {
        const { machine: of } = yield* Guests
        yield* of("client").reboot()
        yield* of("client").succeed("ping -c 1 -W 5 server")
        assert.strictEqual((yield* of("client").succeed("grep -c server /etc/hosts")).trim(), "2")
      })
    )
  })
})
