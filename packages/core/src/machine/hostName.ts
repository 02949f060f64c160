import * as Effect from "effect/Effect"
import type { GuestAccess } from "./GuestAccess.ts"
import type { Incarnation } from "./Incarnation.ts"
import { inIncarnation } from "./MachineContext.ts"
import { shellQuote } from "./shellQuote.ts"

/** Names the guest, now and at later boots, by the shell's builtins alone. */
export const hostNameScript = (name: string): string => `
echo ${shellQuote(name)} >/proc/sys/kernel/hostname
echo ${shellQuote(name)} >/etc/hostname
`

/** Names a guest that has booted after its machine, as a clone is. */
export const giveHostName = (access: GuestAccess, incarnation: Incarnation) =>
  inIncarnation(access, incarnation, (channel) =>
    channel.exec({ command: hostNameScript(access.name), strict: false, timeoutMs: 30_000 })
  ).pipe(Effect.asVoid)
