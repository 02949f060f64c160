/** Reads what the cache holds once more: disks must have the digest that is their name, overlays tables without faults. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ChildProcesses } from "../host/ChildProcesses.ts"
import { CacheDirectory } from "./CacheDirectory.ts"
import { fileLock } from "./FileLock.ts"
import { hashFile, type HashFileOptions } from "./hashFile.ts"
import type { ImageError } from "./ImageError.ts"
import { digestOfKey } from "./imageKey.ts"
import { fileSize, ImageRecord, readRecord } from "./ImageRecord.ts"
import { checkWhole } from "./Qcow.ts"

export interface StoredDisk {
  readonly kind: "image" | "prepared"
  readonly key: string
  /** The image's name, where it is known. */
  readonly title: string | undefined
  /** Absolute. */
  readonly path: string
  readonly record: ImageRecord
}

export interface VerifiedDisk {
  readonly kind: StoredDisk["kind"]
  readonly key: string
  readonly title: string | undefined
  readonly path: string
  /** What is wrong with it; absent where nothing is. */
  readonly fault?: string
  /** Where it was put, so that nobody uses it; absent where there was nothing to put aside, or it could not be done. */
  readonly keptAt?: string
}

export interface VerifyOptions {
  readonly disk: StoredDisk
  /** The `qemu-img` program. */
  readonly imageTool: string
  readonly onHashing?: HashFileOptions["onProgress"]
}

const disksIn = Effect.fnUntraced(function* (kind: StoredDisk["kind"], folder: string) {
  const fs = yield* FileSystem.FileSystem
  const files = yield* Effect.orElseSucceed(fs.readDirectory(folder), () => [])
  const keys = files.filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -".json".length))
  const disks = yield* Effect.forEach(keys.toSorted(), (key) =>
    Effect.map(readRecord(`${folder}/${key}.json`, ImageRecord), (found) =>
      Option.map(found, (record): StoredDisk => {
        return { kind, key, title: record.title, path: `${folder}/${record.disk}`, record }
      })
    )
  )
  // A user's own file may change as it likes: it is looked at anew then.
  return disks.flatMap(Option.toArray).filter(({ record }) => !record.disk.startsWith("/"))
})

/** Every disk of the cache that has a record: the images, then what was prepared from them. */
export const storedDisks = Effect.gen(function* () {
  const { images, prepared } = yield* CacheDirectory
  return [...(yield* disksIn("image", images)), ...(yield* disksIn("prepared", prepared))]
})

const faultOf = Effect.fnUntraced(function* ({ disk, imageTool, onHashing }: VerifyOptions) {
  const { key, path, record } = disk
  const size = yield* fileSize(path)
  if (Option.isNone(size)) return "its file is gone"
  if (size.value !== record.bytes) return `it has ${size.value} bytes instead of ${record.bytes}`
  const digest = digestOfKey(key)
  if (Option.isSome(digest)) {
    const actual = yield* hashFile({ path, algorithm: digest.value.algorithm, onProgress: onHashing })
    if (actual.hex === digest.value.hex) return undefined
    return `expected ${digest.value.algorithm}:${digest.value.hex}, got ${actual.algorithm}:${actual.hex}`
  }
  return yield* checkWhole({ imageTool, path }).pipe(
    Effect.as(undefined),
    Effect.catch((error) => Effect.succeed(error.message))
  )
})

/** The disk first: one without a record would be taken for whole. It stays for whoever wants to know what happened to it. */
const putAside = Effect.fnUntraced(function* ({ key, path }: StoredDisk) {
  const fs = yield* FileSystem.FileSystem
  const folder = path.slice(0, path.lastIndexOf("/"))
  const keptAt = `${path}.rejected`
  yield* fs.rename(path, keptAt)
  yield* fs.remove(`${folder}/${key}.json`)
  return keptAt
}, Effect.option)

/**
 * Reads one disk and puts it aside when it is not what it was: the next run gets it again. That is done under the disk's lock, as getting it
 * is.
 */
export const verifyDisk = Effect.fn("store.verifyDisk")(function* (
  options: VerifyOptions
): Effect.fn.Return<VerifiedDisk, ImageError, ChildProcesses | FileSystem.FileSystem | Scope.Scope> {
  const { kind, key, title, path } = options.disk
  const verified: VerifiedDisk = { kind, key, title, path }
  const fault = yield* faultOf(options)
  if (fault === undefined) return verified
  yield* Effect.ignore(fileLock({ path: `${path.slice(0, path.lastIndexOf("/"))}/${key}.lock` }))
  const keptAt = yield* putAside(options.disk)
  return { ...verified, fault, ...(Option.isSome(keptAt) ? { keptAt: keptAt.value } : {}) }
}, Effect.scoped)
