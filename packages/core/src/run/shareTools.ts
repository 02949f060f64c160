/** The host's own parts of shares: what serves folders by virtiofs, and what makes images of them. */
import { userInfo } from "node:os"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { HostFacts } from "../plan/HostFacts.ts"
import type { VirtiofsDaemon } from "../plan/SharePlan.ts"
import { type Finding, hasSubordinateIds } from "../qemu/hostChecks.ts"
import { findProgram } from "../qemu/Qemu.ts"

export type ShareTools = Pick<HostFacts, "virtiofsd" | "squashfsTool">

/** Where distributions keep a program that nobody calls by hand. */
const daemonFolders = ["/usr/libexec", "/usr/lib/qemu", "/usr/lib/virtiofsd", "/usr/lib"]

const found = (program: string, first: ReadonlyArray<string> = []) =>
  Effect.map(Effect.option(findProgram({ program, first, hint: "" })), Option.getOrUndefined)

/** Whether a daemon can have ids of its own in a user namespace. */
const canMapIds = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { username: name, uid } = userInfo()
  if ((yield* found("newuidmap")) === undefined) return false
  const texts = yield* Effect.forEach(["/etc/subuid", "/etc/subgid"], (file) =>
    Effect.orElseSucceed(fs.readFileString(file), () => "")
  )
  return texts.every((text) => hasSubordinateIds(text, { name, uid }))
})

const findVirtiofsd = Effect.gen(function* (): Effect.fn.Return<
  VirtiofsDaemon | undefined,
  never,
  FileSystem.FileSystem
> {
  const path = yield* found("virtiofsd", daemonFolders)
  if (path === undefined) return undefined
  if (userInfo().uid === 0) return { path, userNamespace: false }
  return (yield* canMapIds) ? { path, userNamespace: true } : undefined
})

/** Looks for them; what is missing is absent. */
export const shareTools: Effect.Effect<ShareTools, never, FileSystem.FileSystem> = Effect.all({
  virtiofsd: findVirtiofsd,
  squashfsTool: found("mksquashfs")
})

/** What is told of them by `doctor`: nothing fails without them, but shares with kernels that have no 9p become copies. */
export const sharesFinding = ({ virtiofsd, squashfsTool }: ShareTools): Finding => {
  const finding = { id: "shares", title: "shares" } as const
  const missing = [
    ...(squashfsTool === undefined ? [{ what: "mksquashfs", mend: "apt install squashfs-tools" }] : []),
    ...(virtiofsd === undefined ? [{ what: "a virtiofsd that can be used", mend: "apt install virtiofsd uidmap" }] : [])
  ]
  return missing.length === 0
    ? { ...finding, status: "ok", detail: "by 9p, virtiofs and image" }
    : {
        ...finding,
        status: "warn",
        detail: `guests without 9p get copies of folders: there is no ${missing.map(({ what }) => what).join(", and no ")}`,
        mend: missing.map(({ mend }) => mend).join("; ")
      }
}
