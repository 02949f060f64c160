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

/** A boothook, since it runs before cloud-init's other modules, which a full configuration would add a quarter of a boot for. */
const bootHook = (unit: string): string => `#cloud-boothook
#!/bin/sh
set -eu
umask 022
echo ${Buffer.from(unit).toString("base64")} | base64 -d > /etc/systemd/system/${agentUnitName}
systemctl daemon-reload
systemctl enable ${agentUnitName}
systemctl start --no-block ${agentUnitName}
`

/** DHCP on the NIC of QEMU's own network alone: the others get their addresses from the agent. */
const networkConfig = `version: 2
ethernets:
  user:
    match:
      macaddress: "${userNetworkMac}"
    dhcp4: true
`

/** Cloud images are called so; the machines that one prepared image becomes have their own names for each other from the driver. */
const metaData = "instance-id: nix-vm-test\nlocal-hostname: localhost\n"

/** The seed's files for the text of an agent's unit. */
export const noCloudSeed = (unit: string): NoCloudSeed => ({
  label: "cidata",
  files: { "user-data": bootHook(unit), "meta-data": metaData, "network-config": networkConfig }
})
