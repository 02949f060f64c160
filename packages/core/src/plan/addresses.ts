/**
 * Numbers, MACs and addresses of networks and machines: those of the NixOS test driver, so that its scripts find what they expect.
 *
 * Network N has 192.168.N.0/24 and 2001:db8:N::/64; machine M is .M and ::M in each; its NIC there is 52:54:00:12:N:M.
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { NetworkSpec } from "../spec/TestSpec.ts"

/** The NIC of QEMU's own network is the same in every machine, which lets machines share a template; no network has number 0. */
export const userNetworkMac = "52:54:00:12:00:00"

const octet = (value: number): string => value.toString(16).padStart(2, "0")

/** MAC of a machine's NIC in a network; both numbers are 1 to 254. */
export const macAddress = (options: { readonly network: number; readonly machine: number }): string =>
  `52:54:00:12:${octet(options.network)}:${octet(options.machine)}`

/** Numbers of machines: their position among the sorted names, from 1. */
export const machineNumbers = (names: Iterable<string>): ReadonlyMap<string, number> =>
  new Map([...names].toSorted().map((name, index) => [name, index + 1]))

/** A name that is a number from 1 to 254 is that network's number, as the VLANs of NixOS; the others get the free numbers, sorted. */
export const networkNumbers = (names: Iterable<string>): ReadonlyMap<string, number> => {
  const sorted = [...names].toSorted()
  const numbered = sorted.filter((name) => /^[1-9]\d{0,2}$/u.test(name) && Number(name) <= 254)
  const taken = new Set(numbered.map(Number))
  const numbers = new Map(numbered.map((name) => [name, Number(name)]))
  let next = 1
  for (const name of sorted) {
    if (numbers.has(name)) continue
    while (taken.has(next)) next++
    taken.add(next)
    numbers.set(name, next)
  }
  return numbers
}

/** A network's prefixes: its own, or those of its number. */
export const networkPrefixes = (options: {
  readonly network: NetworkSpec
  readonly number: number
}): { readonly ipv4: IpNetwork.Ipv4Network; readonly ipv6: IpNetwork.Ipv6Network } => ({
  ipv4: options.network.ipv4 ?? Result.getOrThrow(IpNetwork.ipv4FromString(`192.168.${options.number}.0/24`)),
  // The number stands in the text in decimal digits, as with NixOS: network 10 is 2001:db8:10::.
  ipv6: options.network.ipv6 ?? Result.getOrThrow(IpNetwork.ipv6FromString(`2001:db8:${options.number}::/64`))
})

/** An address with the length of its prefix. */
export interface InterfaceAddress {
  readonly address: string
  readonly prefixLength: number
}

/** A number of several bytes, most significant first, plus another. */
const add = (bytes: ReadonlyArray<number>, summand: number): Uint8Array => {
  const sum = Uint8Array.from(bytes)
  let carry = summand
  for (let index = sum.length - 1; index >= 0 && carry > 0; index--) {
    const value = (sum[index] ?? 0) + carry
    sum[index] = value & 0xff
    carry = Math.floor(value / 256)
  }
  return sum
}

/** IPv4's last address of a network is its broadcast address. */
const isBroadcast = (network: IpNetwork.IpNetwork, address: NetAddress.IpAddress): boolean =>
  NetAddress.isIpv4Address(address) &&
  NetAddress.formatIp(IpNetwork.lastAddress(network)) === NetAddress.formatIp(address)

/** The machine's number added to the prefix; undefined where the prefix has no room for it. */
export const addressIn = (options: {
  readonly network: IpNetwork.Ipv4Network | IpNetwork.Ipv6Network
  readonly machine: number
}): InterfaceAddress | undefined => {
  const { network, machine } = options
  const address = NetAddress.isIpv4Address(network.address)
    ? NetAddress.ipv4FromBytesUnsafe(add(NetAddress.ipv4ToOctets(network.address), machine))
    : NetAddress.ipv6FromBytesUnsafe(add(NetAddress.ipv6ToOctets(network.address), machine))
  return IpNetwork.contains(network, address) && !isBroadcast(network, address)
    ? { address: NetAddress.formatIp(address), prefixLength: network.prefixLength }
    : undefined
}
