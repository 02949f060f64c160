/** What the driver changes in a guest before a test has it, for people to read: from the data by which it is done. */
import { agentUnitName } from "@nix-vm-test/agent/AgentUnit"
import { cloudInitOff, settleSteps } from "../machine/settleScript.ts"
import type { EntryStrategy, ImageFacts } from "../spec/Image.ts"

export interface GuestChanges {
  /** When it is done: in the one boot that prepares the image, or in the first boot of each machine. */
  readonly when: "preparation" | "first boot"
  readonly entry: EntryStrategy
  /** Sentences without their full stops, in the order in which things are done. */
  readonly changes: ReadonlyArray<string>
}

const program = "the agent's program is kept in /var/lib/nix-vm-test"

const entryChanges: Readonly<Record<EntryStrategy, ReadonlyArray<string>>> = {
  installed: [program],
  credential: [
    `systemd makes the unit ${agentUnitName} from a credential in each boot, nothing of it on the disk`,
    program
  ],
  tmpfiles: [
    `systemd writes the unit ${agentUnitName} and a udev rule below /run from a credential in each boot, nothing of it on the disk`,
    program
  ],
  nocloud: [
    `cloud-init installs and enables the unit ${agentUnitName}; none of its modules runs`,
    "cloud-init configures the network: the NIC of the driver's own network, known by its MAC address, gets its address by DHCP",
    program
  ]
}

/** What happens to a guest of these facts that has not been prepared yet. */
export const guestChanges = (options: {
  readonly facts: ImageFacts
  /** The image was built here and has the agent's unit: it was settled when it was built. */
  readonly installedAgent: boolean
}): GuestChanges => {
  const { facts, installedAgent } = options
  const entry = installedAgent ? "installed" : facts.entry
  const settling = installedAgent ? [] : settleSteps(facts).map(({ does }) => does)
  const changes = [...entryChanges[entry], ...settling]
  if (installedAgent) return { when: "first boot", entry, changes }
  return entry === "nocloud"
    ? {
        when: "preparation",
        entry,
        changes: [
          ...changes,
          cloudInitOff.does,
          "/etc/machine-id is empty, so that each machine makes an id of its own"
        ]
      }
    : { when: "first boot", entry, changes: [...changes, cloudInitOff.does] }
}
