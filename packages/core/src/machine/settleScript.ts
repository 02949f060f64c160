/**
 * Settling: what an untouched cloud image needs so that it is a good test guest, as steps that can be read and run. Only for images that were not
 * prepared ahead; those have it done already. What it does stays on the disk, so that a reboot or a clone finds it done.
 */
import { userNetworkMac } from "../plan/addresses.ts"
import type { ImageFacts } from "../spec/Image.ts"
import { shellQuote } from "./shellQuote.ts"

export interface SettleStep {
  /** What it changes in the guest, as a sentence without its full stop. */
  readonly does: string
  /** Shell code; nothing where this guest needs nothing. */
  readonly script: string
}

/** The DHCP client for the driver's own NIC, which cloud-init would have set up; those of a test's networks are the driver's. */
const network = `[Match]
MACAddress=${userNetworkMac}

[Link]
RequiredForOnline=no

[Network]
DHCP=yes
`

/** `mask` links units to nothing, whether they exist or not; stopping is for those that have begun. */
const maskUnits = (units: ReadonlyArray<string>): string => {
  const names = units.map(shellQuote).join(" ")
  return units.length === 0
    ? ""
    : `systemctl --quiet mask ${names} 2>/dev/null\nsystemctl --quiet --no-block stop ${names} 2>/dev/null || true`
}

/** Turns cloud-init off for later boots; those of its units that this boot has not come to yet don't start either. */
export const cloudInitOff: SettleStep = {
  does: "cloud-init does nothing any more (/etc/cloud/cloud-init.disabled)",
  script: "if [ -d /etc/cloud ]; then : >/etc/cloud/cloud-init.disabled; fi"
}

const blankPassword: SettleStep = { does: "root's password is blank", script: "passwd -d root >/dev/null" }

const maskSlowUnits = (units: ReadonlyArray<string>): SettleStep => ({
  does: units.length === 0 ? "no unit is masked" : `units that only cost a test's time are masked: ${units.join(", ")}`,
  script: maskUnits(units)
})

/** sshd fails for want of keys, and would leave the guest degraded. */
const hostKeys: SettleStep = {
  does: "sshd has host keys of its own, if it had none",
  script: `if command -v ssh-keygen >/dev/null && ! ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1; then
  ssh-keygen -A >/dev/null
  for unit in ssh.service sshd.service; do
    if systemctl --quiet is-failed "$unit"; then
      systemctl reset-failed "$unit"
      systemctl --no-block start "$unit"
    fi
  done
fi`
}

const userNetwork: SettleStep = {
  does: "the NIC of the driver's own network, known by its MAC address, gets its address by DHCP from systemd-networkd, unless NetworkManager runs",
  script: `if [ ! -e /run/NetworkManager ] && [ -e /lib/systemd/systemd-networkd ]; then
  mkdir -p /etc/systemd/network
  cat >/etc/systemd/network/10-nix-vm-test.network <<'NETWORK'
${network}NETWORK
  systemctl --quiet --no-reload enable systemd-networkd.service 2>/dev/null
  systemctl --no-block restart systemd-networkd.service
fi`
}

/** Everything that settling does to a guest of these facts, in its order. */
export const settleSteps = (facts: Pick<ImageFacts, "slowUnits">): ReadonlyArray<SettleStep> => [
  blankPassword,
  maskSlowUnits(facts.slowUnits),
  hostKeys,
  userNetwork
]

/** The steps as one script. */
export const settle = (facts: Pick<ImageFacts, "slowUnits">): string =>
  settleSteps(facts)
    .map(({ script }) => script)
    .join("\n")
