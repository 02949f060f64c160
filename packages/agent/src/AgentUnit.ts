/** The systemd unit that starts the agent in a guest, from the agent disk. */
import { agentDiskMagic, agentDiskSector, agentDiskSerial } from "./AgentDisk.ts"

/** Name of the virtio port between driver and agent. */
export const agentPortName = "nix-vm-test.agent"

/** File name of the unit. */
export const agentUnitName = "nix-vm-test-agent.service"

/** The port's device as systemd names it: `/` becomes `-`, and what is neither letter, digit, `:`, `_` nor `.` its code. */
export const agentDeviceUnit = String.raw`dev-virtio\x2dports-nix\x2dvm\x2dtest.agent.device`

/** Where the program is kept in the guest; `/run` would not do, as some distributions mount it noexec. */
const folder = "/var/lib/nix-vm-test"
/** With a read-only root. */
const fallbackFolder = "/dev/shm/nix-vm-test"

/**
 * POSIX sh with as few programs as possible, each of which costs 30 ms under emulation: a guest that has the program already, a clone or
 * a restarted agent, starts none. The name holds the digest, so a newer agent never meets an older one's file.
 */
export const agentStartScript = [
  `for serial in /sys/block/*/serial; do name=; read -r name <"$serial" || :; [ "$name" != ${agentDiskSerial} ] || break; done`,
  `disk=\${serial%/serial}; disk=/dev/\${disk##*/}`,
  `[ "$name" = ${agentDiskSerial} ] || { echo "no disk with the serial number ${agentDiskSerial}" >&2; sleep 1; exit 1; }`,
  `read -r magic size digest <"$disk"`,
  `[ "$magic" = ${agentDiskMagic} ] || { echo "$disk is not an agent disk" >&2; sleep 1; exit 1; }`,
  `for folder in ${folder} ${fallbackFolder}; do program=$folder/agent-$digest; [ ! -x "$program" ] || break; ` +
    `[ -d "$folder" ] || mkdir -p "$folder" || continue; ` +
    `dd if="$disk" bs=${agentDiskSector} skip=1 2>/dev/null | head -c "$size" >"$program.new" || continue; ` +
    `chmod 755 "$program.new" && mv "$program.new" "$program" || continue; ` +
    // A service may not execute what has the label of data.
    `[ ! -e /sys/fs/selinux/enforce ] || chcon -t bin_t "$program" || :; break; done`,
  `exec "$program" --port-name ${agentPortName}`
].join("; ")

/** A shell's text as one word of ExecStart: systemd expands `$` and `%`, and a single quote can't be inside of single quotes. */
const execWord = (text: string): string => `'${text.replaceAll("%", "%%").replaceAll("$", "$$$$")}'`

/** Ordering of the unit: where the port is waited for, and where it is known to be there. */
const waitsForPort = {
  unit: `BindsTo=${agentDeviceUnit}\nAfter=${agentDeviceUnit}`,
  wantedBy: `${agentDeviceUnit} multi-user.target`
}
const knowsPort = {
  unit: "ConditionPathExistsGlob=/sys/class/virtio-ports/*",
  wantedBy: "sysinit.target"
}

/**
 * The unit's text. It runs before the ordinary units do, but not before the boot has cleared `/tmp` and mounted its file systems: what a test
 * puts there would be gone.
 *
 * `StartupCPUWeight` lets a test begin while the boot's own services are still starting; it counts no longer when they are done.
 * `KillMode=process`, as what a test started must outlive an agent that is started anew; the memory killer takes anything else first;
 * `Delegate` and `TasksMax` leave cgroups and their limits to the test.
 */
const unitText = (port: typeof waitsForPort): string => `[Unit]
Description=Agent of nix-vm-test
DefaultDependencies=no
${port.unit}
After=systemd-remount-fs.service systemd-tmpfiles-setup.service
RequiresMountsFor=${folder}
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/sh -c ${execWord(agentStartScript)}
Restart=always
RestartSec=50ms
TimeoutStopSec=2s
StartupCPUWeight=1000
KillMode=process
Delegate=yes
TasksMax=infinity
OOMScoreAdjust=-900
StandardOutput=journal
StandardError=journal

[Install]
WantedBy=${port.wantedBy}
`

/** A unit of systemd: its file's name and content. */
export interface AgentUnit {
  readonly name: string
  readonly text: string
}

/** The unit for guests whose kernel finds the port some time in the boot: it waits for udev's word. */
export const agentUnit = (): AgentUnit => ({ name: agentUnitName, text: unitText(waitsForPort) })

/**
 * The unit for images whose initrd has the port's driver. The agent finds the port without udev, which under emulation takes as long as half of
 * the boot to come to it.
 */
export const installedAgentUnit = (): AgentUnit => ({ name: agentUnitName, text: unitText(knowsPort) })
