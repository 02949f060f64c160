/** Images that users put into the cache under names of their own. The disk is kept by its digest like every other, the name in a small file. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ChildProcesses } from "../host/ChildProcesses.ts"
import { Architecture, Digest } from "../spec/Image.ts"
import { imageNamePattern } from "../spec/ImageReference.ts"
import { adoptFile } from "./adoptFile.ts"
import { CacheDirectory } from "./CacheDirectory.ts"
import { checkBootable } from "./checkBootable.ts"
import { fileLock } from "./FileLock.ts"
import { hashFile, type HashFileOptions } from "./hashFile.ts"
import { hostRefusal } from "./hostRefusal.ts"
import { ImageError } from "./ImageError.ts"
import { imageKey } from "./imageKey.ts"
import { fileSize, ImageRecord, readRecord, writeRecord } from "./ImageRecord.ts"
import { checkWhole, inspectDisk } from "./Qcow.ts"

export const ImportedImage = Schema.Struct({
  name: Schema.String.check(Schema.isPattern(imageNamePattern, { expected: `a name such as "company:2026"` })),
  digest: Digest,
  architecture: Architecture,
  /** The distribution whose facts apply, and its version; without them the catalog goes by the file's name. */
  family: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.String),
  /** Absolute path of the file that it was copied from. */
  origin: Schema.String
})
export type ImportedImage = typeof ImportedImage.Type

export interface ImportOptions {
  /** Name, architecture, family and version; `origin` is the file. */
  readonly image: Omit<ImportedImage, "digest">
  /** What the file must have; without it only SHA-256 is computed. */
  readonly digest?: Digest | undefined
  /** The `qemu-img` program. */
  readonly imageTool: string
  readonly onHashing?: HashFileOptions["onProgress"]
}

const ending = ".json"

const recordPath = (folder: string, name: string): string => `${folder}/${name}${ending}`

/** The image of a name; none where nobody imported one. */
export const importedNamed = Effect.fnUntraced(function* (name: string) {
  const { imported } = yield* CacheDirectory
  return imageNamePattern.test(name)
    ? yield* readRecord(recordPath(imported, name), ImportedImage)
    : Option.none<ImportedImage>()
})

/** All of them, by name. */
export const importedImages = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { imported } = yield* CacheDirectory
  const files = yield* Effect.orElseSucceed(fs.readDirectory(imported), () => [])
  const names = files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length))
  const found = yield* Effect.forEach(names.toSorted(), importedNamed)
  return found.flatMap(Option.toArray)
})

/** `cp` keeps holes, and shares blocks where the file system can: a raw disk is mostly holes. */
const copy = Effect.fnUntraced(function* (from: string, to: string) {
  const processes = yield* ChildProcesses
  const refuse = (detail: string) =>
    new ImageError({
      reason: /No space left/u.test(detail)
        ? { _tag: "NoSpace", path: to }
        : { _tag: "HostRefused", operation: "copy the disk to", path: to, detail }
    })
  const args = ["--reflink=auto", "--sparse=always", "--", from, to]
  const output = yield* Effect.mapError(
    processes.run({ command: "cp", args, env: { LC_ALL: "C" }, timeoutMs: 60 * 60_000 }),
    (error) => refuse(error.message)
  )
  const code = Option.getOrUndefined(output.exit)?.code
  if (code !== 0) return yield* refuse(output.stderr.trim())
})

const makeFolder = (path: string) =>
  Effect.mapError(
    FileSystem.FileSystem.use((fs) => fs.makeDirectory(path, { recursive: true })),
    hostRefusal({ operation: "make", path })
  )

/** Copies the file and gives the digest of the copy, which is what guests will read: the file itself may change any time. */
const takeIn = Effect.fnUntraced(function* (options: ImportOptions, beside: string) {
  const { image, digest: expected, imageTool, onHashing } = options
  const facts = yield* inspectDisk({ imageTool, path: image.origin })
  yield* copy(image.origin, beside)
  if (facts.format === "qcow2") yield* checkWhole({ imageTool, path: beside })
  yield* checkBootable({ imageTool, path: beside, format: facts.format, architecture: image.architecture })
  const digest = yield* hashFile({ path: beside, algorithm: expected?.algorithm ?? "sha256", onProgress: onHashing })
  if (expected !== undefined && digest.hex !== expected.hex) {
    return yield* new ImageError({
      reason: {
        _tag: "WrongDigest",
        path: image.origin,
        expected: `${expected.algorithm}:${expected.hex}`,
        actual: `${digest.algorithm}:${digest.hex}`
      }
    })
  }
  return { facts, digest }
})

/**
 * Puts a disk into the cache, where its name finds it from then on; the file itself is not needed any more. Fails as `NotADisk`,
 * `Truncated`, `ForeignBacking`, `WrongDigest`, `NoSpace` or `ReadOnlyCache`. A name that was imported before gets the new disk.
 */
export const importImage = Effect.fn("store.importImage")(function* (options: ImportOptions) {
  const fs = yield* FileSystem.FileSystem
  const { images, imported } = yield* CacheDirectory
  const { image } = options
  yield* Effect.forEach([images, imported], makeFolder)
  yield* fileLock({ path: `${imported}/${image.name}.lock` })
  const beside = `${images}/import-${process.pid}.new`
  yield* Effect.addFinalizer(() => Effect.ignore(fs.remove(beside, { force: true })))
  const { facts, digest } = yield* takeIn(options, beside)
  const key = imageKey(digest)
  const disk = `${key}.${facts.format}`
  yield* fileLock({ path: `${images}/${key}.lock` })
  yield* adoptFile(beside, `${images}/${disk}`)
  const bytes = Option.getOrElse(yield* fileSize(`${images}/${disk}`), () => 0)
  const record = { disk, ...facts, bytes, installedAgent: false, title: image.name }
  yield* writeRecord(`${images}/${key}.json`, ImageRecord, record)
  const named: ImportedImage = { ...image, digest }
  yield* writeRecord(recordPath(imported, image.name), ImportedImage, named)
  return { image: named, bytes, path: `${images}/${disk}` }
}, Effect.scoped)

/** Gives a name up; its disk goes with the next cleaning of the cache. False where nobody had it. */
export const forgetImported = Effect.fn("store.forgetImported")(function* (name: string) {
  const fs = yield* FileSystem.FileSystem
  const { imported } = yield* CacheDirectory
  if (Option.isNone(yield* importedNamed(name))) return false
  const path = recordPath(imported, name)
  yield* Effect.mapError(fs.remove(path), hostRefusal({ operation: "remove", path }))
  return true
})
