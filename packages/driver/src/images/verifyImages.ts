import { EventBus } from "@nix-vm-test/core/events/EventBus"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { occasionally } from "@nix-vm-test/core/store/occasionally"
import { type StoredDisk, storedDisks, type VerifiedDisk, verifyDisk } from "@nix-vm-test/core/store/verifyImages"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { Concluded } from "../Concluded.ts"
import { runServices } from "../run/services.ts"
import { withProgress } from "../report/withProgress.ts"

const nameOf = ({ key, title }: Pick<VerifiedDisk, "key" | "title">): string => title ?? key

const verify = Effect.fnUntraced(function* (disk: StoredDisk) {
  const { publishUnsafe } = yield* EventBus
  const { imageTool } = yield* Qemu
  const what = { _tag: "ImageProgress", image: nameOf(disk) } as const
  const onHashing = occasionally(
    ({ doneBytes, totalBytes }: { readonly doneBytes: number; readonly totalBytes: number }) =>
      publishUnsafe({
        ...what,
        activity: "verify",
        text: "reading it",
        done: doneBytes,
        total: totalBytes,
        unit: "bytes"
      })
  )
  const verified = yield* verifyDisk({ disk, imageTool, onHashing })
  publishUnsafe({ ...what, activity: "ready", text: verified.fault === undefined ? "as it was" : "changed" })
  return verified
})

const faultText = (disk: VerifiedDisk): string => {
  const aside = disk.keptAt === undefined ? "It could not be put aside." : `It is kept at ${disk.keptAt} and not used.`
  return `${nameOf(disk)}: ${disk.path}: ${disk.fault}. ${aside}`
}

/** Reads every disk of the cache and puts aside what changed; fails with `Concluded` when something did. */
export const verifyImages = Effect.fn("images.verify")(
  function* ({ json }: { readonly json: boolean }) {
    const disks = yield* storedDisks
    const verified = yield* withProgress(Effect.forEach(disks, verify))
    const faulty = verified.filter(({ fault }) => fault !== undefined)
    const lines = [
      ...faulty.map(faultText),
      `${verified.length - faulty.length} of ${verified.length} are as they were`
    ]
    yield* Console.log(json ? JSON.stringify(verified, undefined, 2) : lines.join("\n"))
    if (faulty.length > 0) return yield* new Concluded({ verdict: "infrastructure" })
  },
  Effect.scoped,
  Effect.provide(runServices)
)
