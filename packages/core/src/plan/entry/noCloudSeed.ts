/** Entry into any cloud-init image: a seed disk whose boothook installs and starts the agent. */
import { agentStartScript, agentUnitName } from "@nix-vm-test/agent/AgentUnit"
import type { ImageFacts } from "../../spec/Image.ts"
import { userNetworkMac } from "../addresses.ts"

/** Files of the seed: a FAT or ISO 9660 file system with this label, these names at its root. */
export interface NoCloudSeed {
  readonly label: "cidata"
  readonly files: {
    readonly "user-data": string
    readonly "meta-data": string
    readonly "network-config": string
  }
}

const writeFile = (path: string, text: string): string =>
  `echo ${Buffer.from(text).toString("base64")} | base64 -d > ${path}`

/** Reading all units again, which `enable` would do, costs seconds under emulation; a unit that is new is found without it. */
const systemdService = (unit: string): string => `${writeFile(`/etc/systemd/system/${agentUnitName}`, unit)}
systemctl --no-reload enable ${agentUnitName}
systemctl start --no-block ${agentUnitName} || { systemctl daemon-reload; systemctl start --no-block ${agentUnitName}; }
`

const startProgram = "/usr/local/sbin/nix-vm-test-agent"

/** An init that starts anew what its table names, as it does with a getty; at a hang-up it reads the table again. */
const inittabService = (fields: string): string => `mkdir -p /usr/local/sbin
${writeFile(startProgram, `#!/bin/sh\n${agentStartScript}\n`)}
chmod 755 ${startProgram}
echo '${fields}:respawn:${startProgram}' >> /etc/inittab
kill -HUP 1
`

/** OpenRC's init is BusyBox', which takes the first field for a terminal; System V's wants a name of its own there. */
const service: Readonly<Record<ImageFacts["init"], (unit: string) => string>> = {
  systemd: systemdService,
  openrc: () => inittabService(":"),
  sysvinit: () => inittabService("nvt:2345")
}

/** Installs the agent for later boots and starts it in this one. By the marker file those of cloud-init's services that have not begun yet never do. */
const bootHook = ({ init, unit }: NoCloudSeedOptions): string => `#!/bin/sh
set -eu
umask 022
: >/etc/cloud/cloud-init.disabled
${service[init](unit)}`

/** What the modules would bring, users and keys, is half a boot's work and nothing that a test's guest keeps. */
const noModules = "#cloud-config\ncloud_init_modules: []\ncloud_config_modules: []\ncloud_final_modules: []\n"

const boundary = "nix-vm-test"

const part = (type: string, text: string): string => `--${boundary}\nContent-Type: ${type}\n\n${text}\n`

/** A boothook runs before the modules, which are none. */
const userData = (options: NoCloudSeedOptions): string =>
  [
    `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n`,
    part("text/cloud-boothook", bootHook(options)),
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

export interface NoCloudSeedOptions {
  readonly init: ImageFacts["init"]
  /** Text of the agent's unit, for systemd. */
  readonly unit: string
}

/** The files of a seed for guests of this init. */
export const noCloudSeed = (options: NoCloudSeedOptions): NoCloudSeed => ({
  label: "cidata",
  files: { "user-data": userData(options), "meta-data": metaData, "network-config": networkConfig }
})
