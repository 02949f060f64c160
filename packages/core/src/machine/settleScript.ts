/**
 * Settling: what an untouched cloud image needs so that it is a good test guest, as steps that can be read and run. Only for images that were not
 * prepared ahead; those have it done already. What it does stays on the disk, so that a reboot or a clone finds it done.
 */
import type { ImageFacts } from "../spec/Image.ts"
import type { SettleStep } from "./SettleStep.ts"
import { shellQuote } from "./shellQuote.ts"
import { userNetworkSteps } from "./userNetworkSteps.ts"

/** The facts that decide what is done. */
export type SettleFacts = Pick<ImageFacts, "init" | "networkManager" | "slowUnits">

/** Turns cloud-init off for later boots; those of its units that this boot has not come to yet don't start either. */
export const cloudInitOff: SettleStep = {
  does: "cloud-init does nothing any more (/etc/cloud/cloud-init.disabled)",
  script: "if [ -d /etc/cloud ]; then : >/etc/cloud/cloud-init.disabled; fi"
}

const blankPassword: SettleStep = { does: "root's password is blank", script: "passwd -d root >/dev/null" }

/**
 * `mask` links units to nothing, whether they exist or not. Those that have begun are stopped before, or they would fail for want of their files;
 * what is in the midst of its start fails still, which is no failure of the guest.
 */
const maskSlowUnits = (units: ReadonlyArray<string>): SettleStep => {
  const names = units.map(shellQuote).join(" ")
  return {
    does:
      units.length === 0 ? "no unit is masked" : `units that only cost a test's time are masked: ${units.join(", ")}`,
    script:
      units.length === 0
        ? ""
        : `systemctl --quiet --no-block stop ${names} 2>/dev/null || :
systemctl --quiet mask ${names} 2>/dev/null
systemctl reset-failed ${names} 2>/dev/null || :`
  }
}

/** Starts the daemon that failed for want of keys, which would leave a guest of systemd degraded. */
const startSshDaemon: Readonly<Record<ImageFacts["init"], string>> = {
  systemd: `for unit in ssh.service sshd.service; do
    if systemctl --quiet is-failed "$unit"; then
      systemctl reset-failed "$unit"
      systemctl --no-block start "$unit"
    fi
  done`,
  openrc: `if [ -e /etc/runlevels/default/sshd ]; then rc-service --quiet sshd restart || :; fi`,
  sysvinit: `for service in /etc/init.d/ssh /etc/init.d/sshd; do
    if [ -x "$service" ]; then "$service" restart </dev/null >/dev/null 2>&1 || :; fi
  done`
}

/** An RSA key, which no client needs any more, would cost seconds of emulation. */
const hostKeys = (init: ImageFacts["init"]): SettleStep => ({
  does: "sshd has host keys of its own, if it had none; its configuration stays, which lets root in by a key and not by the blank password",
  script: `if command -v ssh-keygen >/dev/null && ! ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1; then
  for type in ed25519 ecdsa; do ssh-keygen -q -t $type -N '' -f /etc/ssh/ssh_host_\${type}_key; done
  ${startSshDaemon[init]}
fi`
})

/** Everything that settling does to a guest of these facts, in its order. */
export const settleSteps = (facts: SettleFacts): ReadonlyArray<SettleStep> => [
  blankPassword,
  ...(facts.init === "systemd" ? [maskSlowUnits(facts.slowUnits)] : []),
  hostKeys(facts.init),
  userNetworkSteps[facts.networkManager]
]

/** The steps as one script. */
export const settle = (facts: SettleFacts): string =>
  settleSteps(facts)
    .map(({ script }) => script)
    .join("\n")
