/** Names that the agent is known by in the guest and on the command line. */

/** Name of the agent's virtio-serial port. */
export const agentPort = "nix-vm-test.agent"

/** Serial number of the disk that holds the agent's program. */
export const agentDiskSerial = "nvtagent"

/** Name of the agent's systemd unit. */
export const agentUnitName = "nix-vm-test-agent.service"
