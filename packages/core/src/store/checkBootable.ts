/** Tells a disk that no PC could start from before a guest is started that would show nothing and never end. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { ChildProcesses } from "../host/ChildProcesses.ts"
import type { Architecture } from "../spec/Image.ts"
import { hostRefusal } from "./hostRefusal.ts"
import { ImageError } from "./ImageError.ts"
import { type DiskFacts, type QcowOptions, readSectors } from "./Qcow.ts"

/** Where a boot sector's program ends: the disk's signature and the partition table follow. */
const programBytes = 440

/** A disk that is for UEFI only, as those for aarch64 are, or that has data only, begins with a sector without a program. */
const hasProgram = (sector: Uint8Array): boolean => sector.subarray(0, programBytes).some((byte) => byte !== 0)

/** Fails as `NotBootable`. Only what the firmware of PCs does is known well enough to be checked. */
export const checkBootable = Effect.fn("store.checkBootable")(function* (
  options: QcowOptions & { readonly format: DiskFacts["format"]; readonly architecture: Architecture }
): Effect.fn.Return<void, ImageError, ChildProcesses | FileSystem.FileSystem> {
  const { path, architecture } = options
  if (architecture !== "x86_64") return
  const fs = yield* FileSystem.FileSystem
  const sector = yield* Effect.scoped(
    Effect.gen(function* () {
      const folder = yield* Effect.mapError(
        fs.makeTempDirectoryScoped({ prefix: "nvt-sector-" }),
        hostRefusal({ operation: "make", path: "a temporary folder" })
      )
      return yield* readSectors({ ...options, count: 1, target: `${folder}/sector` })
    })
  )
  if (!hasProgram(sector)) return yield* new ImageError({ reason: { _tag: "NotBootable", path } })
})
