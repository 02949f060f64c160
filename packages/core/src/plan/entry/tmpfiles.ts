/**
 * Entry where systemd (252 to 255) has no unit credentials, but makes files from the credential `tmpfiles.extra`.
 *
 * The boot's transaction is computed before the files are there, so a wants-link would come too late: a udev rule starts the unit when
 * the agent's port appears. The rule must be there before udev reads its rules, and only what is below `/dev` is made so early: a link there
 * leads to `/run`, which leaves no trace on the disk.
 */
import { agentPortName, agentUnitName } from "@nix-vm-test/agent/AgentUnit"
import { smbiosCredential } from "./smbiosCredential.ts"

const base64 = (text: string): string => Buffer.from(text).toString("base64")

const rule = `SUBSYSTEM=="virtio-ports", ATTR{name}=="${agentPortName}", TAG+="systemd", ENV{SYSTEMD_WANTS}+="${agentUnitName}"\n`

const run = "/dev/nix-vm-test"

/** QEMU's arguments; `~` makes systemd-tmpfiles decode the content. */
export const tmpfilesArguments = (unit: string): ReadonlyArray<string> =>
  smbiosCredential({
    name: "tmpfiles.extra",
    content: [
      `L ${run} - - - - /run`,
      `d ${run}/udev/rules.d 0755 root root -`,
      `f~ ${run}/udev/rules.d/99-nix-vm-test.rules 0644 root root - ${base64(rule)}`,
      `d ${run}/systemd/system 0755 root root -`,
      `f~ ${run}/systemd/system/${agentUnitName} 0644 root root - ${base64(unit)}`,
      ""
    ].join("\n")
  })
