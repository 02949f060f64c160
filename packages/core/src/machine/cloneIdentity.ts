/**
 * What makes a clone its own machine: clock, random numbers, host name, machine-id, SSH host key. One message of the agent, one of its shells,
 * no program: before the script's first command.
 */
import { randomBytes } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { hostNameScript } from "./hostName.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import { inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"
import { newHostKeyScript } from "./sshHostKey.ts"

/** Where journald, which runs since before the clone was, goes on to write by the template's machine-id, and where `journalctl` looks by the clone's. */
const journals = ["/var/log/journal", "/run/log/journal"] as const

/**
 * The shell's builtins only: a program would cost the clone a tenth of its start. So would files that are emptied and written anew, or replaced: ext4
 * writes their data to the disk at once. So the template's host key and machine-id, which are of the same length, are written over.
 *
 * sshd starts itself anew only where it hands the key that it has to the process of each connection, as OpenSSH does since 9.8 (`sshd-session`):
 * before that, each process reads the key's file.
 *
 * Prints the template's machine-id, then the journals that go by it.
 */
const identityScript = (
  name: string,
  machineId: string
): string => `${hostNameScript(name)}${newHostKeyScript()}if [ -e /etc/machine-id ]; then
  read -r before </etc/machine-id; echo "$before"
  echo ${machineId} 1<>/etc/machine-id
  if [ -e /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then echo ${machineId} 1<>/var/lib/dbus/machine-id; fi
  for folder in ${journals.join(" ")}; do if [ -d "$folder/$before" ]; then echo "$folder"; fi; done
fi
if [ -e /run/sshd.pid ] && { [ ! -d /usr/lib/openssh ] || [ -e /usr/lib/openssh/sshd-session ]; }; then
  read -r pid </run/sshd.pid; kill -HUP "$pid"
fi
:
`

export const giveIdentity = Effect.fn("machine.giveIdentity")(function* (
  access: GuestAccess,
  incarnation: Incarnation
) {
  const ask = <A, R>(use: Parameters<typeof inIncarnation<A, R>>[2]) => inIncarnation(access, incarnation, use)
  const wallClockMs = yield* Clock.currentTimeMillis
  yield* ask((channel) => channel.resumed({ wallClockMs, entropy: randomBytes(64) }))
  const machineId = randomBytes(16).toString("hex")
  const result = yield* ask((channel) =>
    channel.exec({
      command: identityScript(access.name, machineId),
      strict: false,
      timeoutMs: 30_000
    })
  )
  if (result.exitCode !== 0) {
    return yield* new MachineError({
      machine: access.name,
      reason: {
        _tag: "SetupFailed",
        step: "giving the clone its identity",
        detail: new TextDecoder().decode(result.stderr)
      },
      evidence: []
    })
  }
  const [before = "", ...folders] = new TextDecoder().decode(result.stdout).trim().split("\n")
  if (!/^[0-9a-f]{32}$/u.test(before)) return
  yield* Effect.forEach(
    journals.filter((folder) => folders.includes(folder)),
    (folder) => ask((channel) => channel.makeSymlink({ path: `${folder}/${machineId}`, target: before })),
    { discard: true }
  )
})
