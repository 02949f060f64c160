import type * as IpNetwork from "effect/net/IpNetwork"

/** A network of the test: its number gives its MACs and, unless it has its own prefixes, its addresses. */
export interface NetworkPlan {
  readonly name: string
  /** 1 to 254. */
  readonly number: number
  readonly ipv4: IpNetwork.Ipv4Network
  readonly ipv6: IpNetwork.Ipv6Network
  readonly mtu: number
}
