/**
 * What makes a clone its own machine: clock, random numbers, host name, machine-id, SSH host key. One message of the agent, one of its shells,
 * no program: before the script's first command.
 */
import { createHash, randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type { Incarnation } from "./Incarnation.ts"
import type { GuestAccess } from "./GuestAccess.ts"
import { inIncarnation } from "./MachineContext.ts"
import { MachineError } from "./MachineError.ts"
import { shellQuote } from "./shellQuote.ts"
import { makeSshHostKey } from "./sshHostKey.ts"

/** Builtins of bash only: a program would cost the clone a tenth of its start. */
const identityScript = (name: string, machineId: string): string => `
echo ${shellQuote(name)} >/proc/sys/kernel/hostname
echo ${shellQuote(name)} >/etc/hostname
if [ -e /etc/machine-id ]; then
  echo ${machineId} >/etc/machine-id
  if [ -e /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then echo ${machineId} >/var/lib/dbus/machine-id; fi
fi
[ -d /etc/ssh ] && echo ssh
[ -e /run/sshd.pid ] && kill -HUP "$(</run/sshd.pid)"
:
`

export const giveIdentity = Effect.fn("machine.giveIdentity")(function* (access: GuestAccess, incarnation: Incarnation) {
  const ask = <A, R>(use: Parameters<typeof inIncarnation<A, R>>[2]) => inIncarnation(access, incarnation, use)
  yield* ask((channel) => channel.resumed({ wallClockMs: Date.now(), entropy: randomBytes(64) }))
  const machineId = createHash("sha256").update(randomBytes(32)).digest("hex").slice(0, 32)
  const key = makeSshHostKey(access.name)
  // Before the shell, whose last act tells sshd to read its key anew.
  yield* ask((channel) =>
    channel.stat("/etc/ssh").pipe(
      Effect.andThen(channel.writeFile({ path: "/etc/ssh/ssh_host_ed25519_key", content: key.privateKey, mode: 0o600 })),
      Effect.andThen(channel.writeFile({ path: "/etc/ssh/ssh_host_ed25519_key.pub", content: key.publicKey, mode: 0o644 })),
      Effect.catch((error) => (error.reason._tag === "GuestRefused" ? Effect.void : Effect.fail(error)))
    )
  )
  const result = yield* ask((channel) =>
    channel.exec({ command: identityScript(access.name, machineId), strict: false, timeoutMs: 30_000 })
  )
  if (result.exitCode === 0) return
  return yield* new MachineError({
    machine: access.name,
    reason: { _tag: "SetupFailed", step: "giving the clone its identity", detail: new TextDecoder().decode(result.stderr) },
    evidence: []
  })
})
