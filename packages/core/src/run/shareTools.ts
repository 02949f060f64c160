/** The host's own parts of shares: what serves folders by virtiofs, and what makes images of them. */
import * as fsp from "node:fs/promises"
import * as os from "node:os"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { HostFacts } from "../plan/HostFacts.ts"
import type { VirtiofsDaemon } from "../plan/SharePlan.ts"
import { findProgram } from "../qemu/Qemu.ts"

/** Where distributions keep a program that nobody calls by hand. */
const daemonFolders = ["/usr/libexec", "/usr/lib/qemu", "/usr/lib/virtiofsd", "/usr/lib"]

const found = (program: string, first: ReadonlyArray<string> = []) =>
  Effect.map(Effect.option(findProgram({ program, first, hint: "" })), Option.getOrUndefined)

/** Whether the user has ids of a user namespace, which a daemon needs that is not root's. */
const hasSubordinateIds = Effect.promise(async () => {
  const { username, uid } = os.userInfo()
  const text = await fsp.readFile("/etc/subuid", "utf8").catch(() => "")
  return text.split("\n").some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`))
})

const findVirtiofsd = Effect.gen(function* () {
  const path = yield* found("virtiofsd", daemonFolders)
  if (path === undefined) return undefined
  if (process.getuid?.() === 0) return { path, userNamespace: false }
  const usable = (yield* found("newuidmap")) !== undefined && (yield* hasSubordinateIds)
  return usable ? ({ path, userNamespace: true } satisfies VirtiofsDaemon) : undefined
})

export const shareTools = Effect.gen(function* () {
  const tools: Pick<HostFacts, "virtiofsd" | "squashfsTool"> = {
    virtiofsd: yield* findVirtiofsd,
    squashfsTool: yield* found("mksquashfs")
  }
  return tools
})
