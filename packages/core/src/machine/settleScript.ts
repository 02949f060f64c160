/**
 * Settling: what an untouched cloud image needs so that it is a good test guest. Only for images that were not prepared ahead; those have it
 * done already.
 */
import { shellQuote } from "./shellQuote.ts"

/** The DHCP client for the driver's own NIC, which cloud-init would have set up. By driver: names depend on the machine type. */
const network = `[Match]
Driver=virtio_net

[Network]
DHCP=yes
LinkLocalAddressing=ipv6

[DHCPv4]
ClientIdentifier=mac
`

/**
 * Shell code that blanks root's password, masks units that only cost time, turns cloud-init off for later boots, gives sshd host keys, and lets
 * the driver's NIC have its address.
 */
export const settle = (options: { readonly slowUnits: ReadonlyArray<string> }): string => `
passwd -d root >/dev/null
if [ -d /etc/cloud ]; then touch /etc/cloud/cloud-init.disabled; fi
systemctl --runtime --no-block --now mask ${options.slowUnits.map(shellQuote).join(" ")} >/dev/null 2>&1 || true
if command -v ssh-keygen >/dev/null && ! ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1; then ssh-keygen -A >/dev/null; fi
if [ ! -e /run/NetworkManager ] && [ -e /lib/systemd/systemd-networkd ]; then
  mkdir -p /etc/systemd/network
  cat >/etc/systemd/network/10-nix-vm-test.network <<'NETWORK'
${network}NETWORK
  systemctl --no-block enable --now systemd-networkd.service >/dev/null 2>&1 || true
  systemctl --no-block restart systemd-networkd.service >/dev/null 2>&1 || true
fi
`
