/** Entry where systemd (256 and later) makes units from credentials. */
import { agentUnitName } from "@nix-vm-test/agent/AgentUnit"
import { smbiosCredential } from "./smbiosCredential.ts"

/** Two targets want the unit, since a boot into emergency or another default target reaches only the first. */
const wantedBy = ["sysinit.target", "multi-user.target"] as const

/** QEMU's arguments for the unit and its start. */
export const credentialArguments = (unit: string): ReadonlyArray<string> => [
  ...smbiosCredential({ name: `systemd.extra-unit.${agentUnitName}`, content: unit }),
  ...wantedBy.flatMap((target) =>
    smbiosCredential({
      name: `systemd.unit-dropin.${target}~nix-vm-test`,
      content: `[Unit]\nWants=${agentUnitName}\n`
    })
  )
]
