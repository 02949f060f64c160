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

/**
 * The unit. It runs before the ordinary units do, as soon as the port is there and its folder can be written.
 *
 * `KillMode=process`, as what a test started must outlive an agent that is started anew; the memory killer takes anything else first;
 * `Delegate` and `TasksMax` leave cgroups and their limits to the test.
 */
export const agentUnit = (): { readonly name: string; readonly text: string } => ({
  name: agentUnitName,
  text: `[Unit]
Description=Agent of nix-vm-test
DefaultDependencies=no
BindsTo=${agentDeviceUnit}
After=${agentDeviceUnit} systemd-remount-fs.service
RequiresMountsFor=${folder}
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/sh -c ${execWord(agentStartScript)}
Restart=always
RestartSec=50ms
TimeoutStopSec=2s
KillMode=process
Delegate=yes
TasksMax=infinity
OOMScoreAdjust=-900
StandardOutput=journal
StandardError=journal

[Install]
WantedBy=${agentDeviceUnit} multi-user.target
`
})
