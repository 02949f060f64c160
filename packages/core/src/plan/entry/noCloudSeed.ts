/** Entry into any cloud-init image: a seed disk whose boothook installs and starts the agent's unit. */
import { userNetworkMac } from "../addresses.ts"
import { agentUnitName } from "@nix-vm-test/agent/AgentUnit"

/** Files of the seed: a FAT or ISO 9660 file system with this label, these names at its root. */
export interface NoCloudSeed {
  readonly label: "cidata"
  readonly files: {
    readonly "user-data": string
    readonly "meta-data": string
    readonly "network-config": string
  }
}

/**
 * Installs the unit for later boots and starts it in this one. By the marker file those of cloud-init's units that have not begun yet never do.
 * Reading all units again, which `enable` would do, costs seconds under emulation; a unit that is new is found without it.
 */
const bootHook = (unit: string): string => `#!/bin/sh
set -eu
umask 022
echo ${Buffer.from(unit).toString("base64")} | base64 -d > /etc/systemd/system/${agentUnitName}
: >/etc/cloud/cloud-init.disabled
systemctl --no-reload enable ${agentUnitName}
systemctl start --no-block ${agentUnitName} || { systemctl daemon-reload; systemctl start --no-block ${agentUnitName}; }
`

/** What the modules would bring, users and keys, is half a boot's work and nothing that a test's guest keeps. */
const noModules = "#cloud-config\ncloud_init_modules: []\ncloud_config_modules: []\ncloud_final_modules: []\n"

const boundary = "nix-vm-test"

const part = (type: string, text: string): string => `--${boundary}\nContent-Type: ${type}\n\n${text}\n`

/** A boothook runs before the modules, which are none. */
const userData = (unit: string): string =>
  [
    `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n`,
    part("text/cloud-boothook", bootHook(unit)),
    part("text/cloud-config", noModules),
    `--${boundary}--\n`
  ].join("")

/** DHCP on the NIC of QEMU's own network alone: the others get their addresses from the agent. */
const networkConfig = `version: 2
ethernets:
  user:
    match:
      macaddress: "${userNetworkMac}"
    dhcp4: true
`

/**
 * In its mode `local` cloud-init does all in its first stage, before the network and the second start of Python. Cloud images are called
 * `localhost`; the machines that one prepared image becomes have their own names for each other from the driver.
 */
const metaData = "instance-id: nix-vm-test\nlocal-hostname: localhost\ndsmode: local\n"

/** The seed's files for the text of an agent's unit. */
export const noCloudSeed = (unit: string): NoCloudSeed => ({
  label: "cidata",
  files: { "user-data": userData(unit), "meta-data": metaData, "network-config": networkConfig }
})
