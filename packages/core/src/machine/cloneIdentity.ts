/**
 * What makes a clone its own machine: clock, random numbers, host name, machine-id, SSH host key. One message of the agent, one of its shells,
 * no program: before the script's first command.
 */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type { GuestError } from "../guest/GuestError.ts"
import { hostNameScript } from "./hostName.ts"
import type { Incarnation } from "./Incarnation.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import { inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"
import { makeSshHostKey } from "./sshHostKey.ts"

/** The shell's builtins only: a program would cost the clone a tenth of its start. Prints the template's machine-id. */
const identityScript = (name: string, machineId: string): string => `${hostNameScript(name)}
if [ -e /etc/machine-id ]; then
  read -r before </etc/machine-id; echo "$before"
  echo ${machineId} >/etc/machine-id
  if [ -e /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then echo ${machineId} >/var/lib/dbus/machine-id; fi
fi
if [ -e /run/sshd.pid ]; then read -r pid </run/sshd.pid; kill -HUP "$pid"; fi
:
`

/** Where journald, which runs since before the clone was, goes on to write by the template's machine-id, and where `journalctl` looks by the clone's. */
const journals = ["/var/log/journal", "/run/log/journal"] as const

/** A guest without SSH, or without a journal, refuses what belongs to it. */
const whereItCan = <A, R>(change: Effect.Effect<A, GuestError, R>): Effect.Effect<void, GuestError, R> =>
  change.pipe(
    Effect.asVoid,
    Effect.catch((error) => (error.reason._tag === "GuestRefused" ? Effect.void : Effect.fail(error)))
  )

export const giveIdentity = Effect.fn("machine.giveIdentity")(function* (
  access: GuestAccess,
  incarnation: Incarnation
) {
  const ask = <A, R>(use: Parameters<typeof inIncarnation<A, R>>[2]) => inIncarnation(access, incarnation, use)
  yield* ask((channel) => channel.resumed({ wallClockMs: Date.now(), entropy: randomBytes(64) }))
  const machineId = randomBytes(16).toString("hex")
  const key = makeSshHostKey(access.name)
  // Before the shell, whose last act tells sshd to read its key anew.
  yield* ask((channel) =>
    channel
      .stat("/etc/ssh")
      .pipe(
        Effect.andThen(
          channel.writeFile({ path: "/etc/ssh/ssh_host_ed25519_key", content: key.privateKey, mode: 0o600 })
        ),
        Effect.andThen(
          channel.writeFile({ path: "/etc/ssh/ssh_host_ed25519_key.pub", content: key.publicKey, mode: 0o644 })
        ),
        whereItCan
      )
  )
  const result = yield* ask((channel) =>
    channel.exec({ command: identityScript(access.name, machineId), strict: false, timeoutMs: 30_000 })
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
  const before = new TextDecoder().decode(result.stdout).trim()
  if (!/^[0-9a-f]{32}$/u.test(before)) return
  yield* Effect.forEach(
    journals,
    (folder) => ask((channel) => whereItCan(channel.makeSymlink({ path: `${folder}/${machineId}`, target: before }))),
    { discard: true }
  )
})
