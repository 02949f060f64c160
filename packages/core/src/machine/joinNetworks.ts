/** Gives a guest its places in the test's networks: interfaces `eth1`…, addresses, and the names of all machines. */
import * as Effect from "effect/Effect"
import type { NicPlan } from "../plan/MachinePlan.ts"
import type { TestPlan } from "../plan/TestPlan.ts"
import { evidenceOf } from "./evidence.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import type { Incarnation } from "./Incarnation.ts"
import { inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"
import { shellQuote } from "./shellQuote.ts"

export interface JoinNetworksOptions {
  readonly access: GuestAccess
  readonly incarnation: Incarnation
  readonly nics: ReadonlyArray<NicPlan>
  readonly hosts: TestPlan["hosts"]
}

/** Marks the lines that are ours, so that a later start of the same disk does not write them twice. */
const hostsMark = "# machines of this test"

/**
 * Keeps the guest's own network service from the interfaces of the test: before they appear for systemd-networkd, whose files wait for them, and
 * as soon as they have for NetworkManager and for ifupdown, which may ask for an address for whatever appears.
 */
const unmanaged = (nics: ReadonlyArray<NicPlan>): string => `
if [ -d /run/systemd/netif ]; then
  mkdir -p /run/systemd/network
  printf '[Match]\\nMACAddress=%s\\n[Link]\\nUnmanaged=yes\\n' ${shellQuote(nics.map(({ mac }) => mac).join(" "))} \\
    >/run/systemd/network/05-test-networks.network
  networkctl reload 2>/dev/null || true
fi
`

/**
 * A plugged NIC takes a moment until the guest's kernel has it. A name of another interface may be in the way, so all are set aside first; also one
 * that has its name already from the kernel: udev may come to it later, and leaves alone only what was renamed. Until udev has come to all of them
 * a name is good for a moment only.
 */
const functions = `
interface_of() {
  tries=0
  while [ $tries -lt 1000 ]; do
    for device in /sys/class/net/*; do
      read -r address <"$device/address" 2>/dev/null || continue
      if [ "$address" = "$1" ]; then interface=\${device##*/}; return; fi
    done
    tries=$((tries + 1))
    sleep 0.03
  done
  echo "no interface has the address $1" >&2
  exit 1
}
settle() {
  for mac in "$@"; do interface_of "$mac"; done
  if command -v udevadm >/dev/null; then udevadm settle --timeout=30 || true; fi
}
take_away() {
  interface_of "$1"
  if grep -qs "^$interface=" /run/network/ifstate; then ifdown --force "$interface" >/dev/null 2>&1 || true; fi
  if command -v nmcli >/dev/null; then nmcli device set "$interface" managed no >/dev/null 2>&1 || true; fi
  ip link set dev "$interface" down && ip link set dev "$interface" name "test$2"
}
set_aside() {
  tries=0
  until refusal=$(take_away "$1" "$2" 2>&1); do
    tries=$((tries + 1))
    if [ $tries -ge 50 ]; then echo "$refusal" >&2; exit 1; fi
    sleep 0.05
  done
}
configure() {
  interface_of "$1"
  ip link set dev "$interface" name "$2"
  ip address flush dev "$2" scope global
  ip link set dev "$2" mtu "$5" up
  ip address add "$3" dev "$2"
  if [ -e /proc/sys/net/ipv6 ]; then ip address add "$4" dev "$2" nodad; fi
}
`

const withPrefix = ({ address, prefixLength }: NicPlan["ipv4"]): string => `${address}/${prefixLength}`

const nameLines = (hosts: TestPlan["hosts"]): string =>
  hosts.flatMap(({ name, addresses }) => addresses.map((address) => `${address} ${name}\n`)).join("")

/** Shell code for any POSIX shell. Interfaces are numbered as NixOS does: the first network's is eth1. */
export const joinNetworksScript = ({ nics, hosts }: Pick<JoinNetworksOptions, "nics" | "hosts">): string => {
  const named = nics.map((nic, index) => ({ ...nic, name: `eth${index + 1}` }))
  return [
    "set -eu",
    unmanaged(nics),
    functions,
    `settle ${named.map(({ mac }) => mac).join(" ")}`,
    ...named.map(({ mac, name }) => `set_aside ${mac} ${name}`),
    ...named.map(
      ({ mac, name, ipv4, ipv6, mtu }) => `configure ${mac} ${name} ${withPrefix(ipv4)} ${withPrefix(ipv6)} ${mtu}`
    ),
    `if ! grep -q ${shellQuote(hostsMark)} /etc/hosts; then`,
    `printf '%s' ${shellQuote(`${hostsMark}\n${nameLines(hosts)}`)} >>/etc/hosts`,
    "fi"
  ].join("\n")
}

/** How long the guest's kernel may take to see its NICs and the rest, milliseconds. */
const limitMs = 120_000

/** Needed after each boot: only the names last. */
export const joinNetworks = Effect.fn("machine.joinNetworks")(function* (options: JoinNetworksOptions) {
  const { access, incarnation, nics } = options
  if (nics.length === 0) return
  const result = yield* inIncarnation(access, incarnation, (channel) =>
    channel.exec({ command: joinNetworksScript(options), strict: false, timeoutMs: limitMs })
  )
  if (result.exitCode === 0) return
  return yield* new MachineError({
    machine: access.name,
    reason: {
      _tag: "SetupFailed",
      step: `joining ${nics.map(({ network }) => network).join(", ")}`,
      detail: result.timedOut ? `it did not end within ${limitMs / 1000} s` : `exit code ${result.exitCode}`
    },
    evidence: evidenceOf("output", new TextDecoder().decode(result.stderr))
  })
})
