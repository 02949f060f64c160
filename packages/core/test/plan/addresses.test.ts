import {
  addressIn,
  macAddress,
  machineNumbers,
  networkNumbers,
  networkPrefixes
} from "@nix-vm-test/core/plan/addresses"
import { assert, describe, it } from "@effect/vitest"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const number = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 254 }))

describe("the NixOS test driver's formulas", () => {
  it.each([
    [1, 1, "52:54:00:12:01:01"],
    [10, 254, "52:54:00:12:0a:fe"]
  ])("network %d, machine %d: %s", (network, machine, mac) => {
    assert.strictEqual(macAddress({ network, machine }), mac)
  })

  it.each([
    [1, 2, "192.168.1.2", "2001:db8:1::2"],
    // The numbers stand in IPv6 text as they are written in decimal; the machine's part is its value.
    [10, 10, "192.168.10.10", "2001:db8:10::a"],
    [254, 254, "192.168.254.254", "2001:db8:254::fe"]
  ])("network %d, machine %d: %s, %s", (network, machine, ipv4, ipv6) => {
    const prefixes = networkPrefixes({ network: { mtu: 1500 }, number: network })
    assert.deepStrictEqual(addressIn({ network: prefixes.ipv4, machine }), { address: ipv4, prefixLength: 24 })
    assert.deepStrictEqual(addressIn({ network: prefixes.ipv6, machine }), { address: ipv6, prefixLength: 64 })
  })

  it.prop("no two NICs share a MAC", [number, number, number, number], ([n, m, otherN, otherM]) => {
    const same = macAddress({ network: n, machine: m }) === macAddress({ network: otherN, machine: otherM })
    assert.strictEqual(same, n === otherN && m === otherM)
  })
})

describe("own prefixes", () => {
  it.each([
    ["10.0.0.0/8", 254, "10.0.0.254"],
    ["10.0.0.128/25", 100, "10.0.0.228"],
    ["10.0.0.248/29", 6, "10.0.0.254"],
    ["10.0.0.248/29", 7, undefined],
    ["10.0.0.248/29", 8, undefined]
  ])("machine of %s number %d: %s", (prefix, machine, address) => {
    const network = Result.getOrThrow(IpNetwork.ipv4FromString(prefix))
    assert.strictEqual(addressIn({ network, machine })?.address, address)
  })
})

describe("numbers", () => {
  it("of machines follow their sorted names", () => {
    assert.deepStrictEqual(
      [...machineNumbers(["web", "db", "a2"])],
      [
        ["a2", 1],
        ["db", 2],
        ["web", 3]
      ]
    )
  })

  it("of networks: a number names itself, the others fill the gaps", () => {
    assert.deepStrictEqual(Object.fromEntries(networkNumbers(["wan", "2", "lan", "1", "07", "999"])), {
      "1": 1,
      "2": 2,
      "07": 3,
      "999": 4,
      lan: 5,
      wan: 6
    })
  })

  it.prop(
    "of networks are all different",
    [Schema.UniqueArray(Schema.String.check(Schema.isPattern(/^[a-z0-9]{1,3}$/u)))],
    ([names]) => {
      const numbers = [...networkNumbers(names).values()]
      assert.strictEqual(new Set(numbers).size, names.length)
    }
  )
})
