/**
 * Settling: what an untouched cloud image needs so that it is a good test guest. Only for images that were not prepared ahead; those have it
 * done already. What it does stays on the disk, so that a reboot or a clone finds it done.
 */
import { userNetworkMac } from "../plan/addresses.ts"
import { shellQuote } from "./shellQuote.ts"

/** The DHCP client for the driver's own NIC, which cloud-init would have set up; those of a test's networks are the driver's. */
const network = `[Match]
MACAddress=${userNetworkMac}

[Link]
RequiredForOnline=no

[Network]
DHCP=yes
`

/** Units that fail for want of host keys, and so would leave the guest degraded. */
const sshUnits = "ssh.service sshd.service"

/** `mask` links units to nothing, whether they exist or not; stopping is for those that have begun. */
const maskUnits = (units: ReadonlyArray<string>): string => {
  const names = units.map(shellQuote).join(" ")
  return units.length === 0
    ? ""
    : `systemctl --quiet mask ${names} 2>/dev/null\nsystemctl --quiet --no-block stop ${names} 2>/dev/null || true`
}

/** Turns cloud-init off for later boots; those of its units that this boot has not come to yet don't start either. */
export const turnCloudInitOff = `if [ -d /etc/cloud ]; then : >/etc/cloud/cloud-init.disabled; fi`

/** Shell code that blanks root's password, masks units that only cost time, gives sshd host keys, and lets the driver's NIC have its address. */
export const settle = (options: { readonly slowUnits: ReadonlyArray<string> }): string => `
passwd -d root >/dev/null
${maskUnits(options.slowUnits)}
if command -v ssh-keygen >/dev/null && ! ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1; then
  ssh-keygen -A >/dev/null
  for unit in ${sshUnits}; do
    if systemctl --quiet is-failed "$unit"; then
      systemctl reset-failed "$unit"
      systemctl --no-block start "$unit"
    fi
  done
fi
if [ ! -e /run/NetworkManager ] && [ -e /lib/systemd/systemd-networkd ]; then
  mkdir -p /etc/systemd/network
  cat >/etc/systemd/network/10-nix-vm-test.network <<'NETWORK'
${network}NETWORK
  systemctl --quiet --no-block enable systemd-networkd.service 2>/dev/null
  systemctl --no-block restart systemd-networkd.service
fi
`
