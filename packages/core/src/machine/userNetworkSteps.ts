/**
 * How each network manager is told to give the driver's own NIC its address by DHCP. It is found by its MAC address: names of NICs differ between
 * families, buses and kernel arguments. The NICs of a test's networks are the driver's, which gives them their addresses itself.
 */
import { userNetworkMac } from "../plan/addresses.ts"
import type { ImageFacts } from "../spec/Image.ts"
import type { SettleStep } from "./SettleStep.ts"

const address = "the NIC of the driver's own network, known by its MAC address, gets its address by DHCP"

const networkdUnit = `[Match]
MACAddress=${userNetworkMac}

[Link]
RequiredForOnline=no

[Network]
DHCP=yes
`

const networkd: SettleStep = {
  does: `${address} from systemd-networkd`,
  script: `if [ -e /lib/systemd/systemd-networkd ] && [ ! -e /run/NetworkManager ]; then
  mkdir -p /etc/systemd/network
  cat >/etc/systemd/network/10-nix-vm-test.network <<'NETWORK'
${networkdUnit}NETWORK
  systemctl --quiet --no-reload enable systemd-networkd.service 2>/dev/null
  systemctl --no-block restart systemd-networkd.service
fi`
}

const networkManagerProfile = `[connection]
id=nix-vm-test
type=ethernet

[ethernet]
mac-address=${userNetworkMac}

[ipv4]
method=auto

[ipv6]
method=auto
`

/**
 * It would ask for addresses in the test's networks too, and take away those that the driver gives there: it must not have these NICs from the
 * moment that they are plugged in. It reads profiles that only root can read.
 */
const networkManagerSettings = `[main]
no-auto-default=*

[keyfile]
unmanaged-devices=type:ethernet,except:mac:${userNetworkMac}
`

const networkManager: SettleStep = {
  does: `${address} from NetworkManager, which leaves other NICs alone`,
  script: `folder=/etc/NetworkManager
if [ -d $folder ]; then
  mkdir -p $folder/conf.d $folder/system-connections
  cat >$folder/conf.d/10-nix-vm-test.conf <<'SETTINGS'
${networkManagerSettings}SETTINGS
  profile=$folder/system-connections/nix-vm-test.nmconnection
  : >$profile
  chmod 600 $profile
  cat >$profile <<'PROFILE'
${networkManagerProfile}PROFILE
  if command -v restorecon >/dev/null; then restorecon $folder/conf.d/10-nix-vm-test.conf $profile || :; fi
  systemctl --no-block restart NetworkManager.service
fi`
}

/** Sets `nic` to the name that the NIC has in this guest; it stays, as the NIC stays in its slot. */
const findNic = `nic=
  for file in /sys/class/net/*/address; do
    read -r mac <"$file"
    if [ "$mac" = ${userNetworkMac} ]; then nic=\${file%/address}; nic=\${nic##*/}; fi
  done
  if [ -z "$nic" ]; then echo "no NIC has the address ${userNetworkMac}" >&2; exit 1; fi`

/**
 * A NIC that another slot or cloud-init's rules for udev name anew in a later boot is found by a pattern, which Debian's ifupdown alone knows; others
 * get the name of now. The client asks in the background, as no test has to wait for it.
 */
const ifupdown: SettleStep = {
  does: `${address} from ifupdown (/etc/network/interfaces)`,
  script: `if [ -d /etc/network ]; then
  ${findNic}
  ifdown "$nic" >/dev/null 2>&1 || :
  configure() {
    printf 'auto lo\\niface lo inet loopback\\n\\nauto %s\\niface %s inet dhcp\\n' "$1" "$2" >/etc/network/interfaces
  }
  configure mac/${userNetworkMac}=user user
  ifquery --list 2>/dev/null | grep -qx "$nic" || configure "$nic" "$nic"
  ifup -a </dev/null >/dev/null 2>&1 &
fi`
}

const dhcpcd: SettleStep = {
  does: `${address} from dhcpcd, which leaves other NICs alone (/etc/dhcpcd.conf)`,
  script: `if command -v dhcpcd >/dev/null; then
  ${findNic}
  printf '\\nallowinterfaces %s\\n' "$nic" >>/etc/dhcpcd.conf
  dhcpcd --exit "$nic" >/dev/null 2>&1 || :
  dhcpcd --quiet "$nic" </dev/null >/dev/null 2>&1 &
fi`
}

/** netplan writes files of systemd-networkd; one that is there already is enough. */
export const userNetworkSteps: Readonly<Record<ImageFacts["networkManager"], SettleStep>> = {
  netplan: networkd,
  networkd,
  NetworkManager: networkManager,
  ifupdown,
  dhcpcd
}
