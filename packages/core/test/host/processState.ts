/** What the kernel says of a process. */
import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { parseProcessStat } from "@nix-vm-test/core/host/ProcessIdentity"

/** State letter of a process; undefined when there is none with that pid. */
export const processState = (pid: number): string | undefined => {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "utf8"))?.state
  } catch {
    return undefined
  }
}

/**
 * Waits until a process that is not our child has ended; its new parent may take time to reap it. The test's time-out
 * is the limit.
 */
export const awaitGone = (pid: number) =>
  Effect.sync(() => processState(pid)).pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (state) => state === undefined || state === "Z" }),
    Effect.asVoid
  )
