/**
 * Templates as files that can be moved: a folder with the guest's memory, its state, its disk, and a manifest that says what they are for and what
 * their bytes are. Nothing in it names a place. It is only ever read: who uses it takes a verified copy into the cache, once.
 */
import { createHash } from "node:crypto"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import type { HostFileError } from "../host/HostTree.ts"
import { digestFile, type FileDigest, packFile, unpackFile } from "../host/packedFile.ts"
import { TemplateIdentity } from "../plan/TemplateIdentity.ts"
import type { ImageError } from "./ImageError.ts"
import { fileSize } from "./ImageRecord.ts"
import { type DiskFacts, renameBase } from "./Qcow.ts"
import { ShippedTemplateError } from "./ShippedTemplateError.ts"
import { keepTemplate, lockTemplate, lookUpTemplate, makeTemplateFolder, type Template } from "./Templates.ts"

const manifestName = "template.json"
const format = 1

const FileRecord = Schema.Struct({ bytes: Schema.Finite, sha256: Schema.String })
const Files = Schema.Struct({ "ram.zst": FileRecord, state: FileRecord, "disk.qcow2": FileRecord })
const fileNames = ["ram.zst", "state", "disk.qcow2"] as const

export const Manifest = Schema.Struct({
  format: Schema.Literal(format),
  /** For people: image, memory, processors. */
  title: Schema.String,
  /** For people: the version of the QEMU that it was made by. */
  qemu: Schema.String,
  memoryBytes: Schema.Finite,
  /** Everything that its guest was made from; the image, which its disk lies over, by the digest of its content. */
  identity: TemplateIdentity,
  files: Files
})
export type Manifest = typeof Manifest.Type

const ManifestFile = Schema.fromJsonString(Manifest)

export interface ShippedTemplate {
  /** Absolute. */
  readonly folder: string
  readonly manifest: Manifest
  /** Names the template in the cache: its manifest's own digest, and so that of all its files. */
  readonly key: string
}

/** The store's own words about a cache that is not to be written to are about images. */
const detailOf = (error: ImageError | HostFileError | PlatformError): string =>
  error._tag === "ImageError" && error.reason._tag === "ReadOnlyCache"
    ? `${error.reason.path} can't be written`
    : error.message

const refused =
  (folder: string) =>
  (error: ImageError | HostFileError | PlatformError): ShippedTemplateError =>
    new ShippedTemplateError({ folder, reason: { _tag: "HostRefused", detail: detailOf(error) } })

const damaged = (folder: string, file: string, seen: string): ShippedTemplateError =>
  new ShippedTemplateError({ folder, reason: { _tag: "Damaged", file, seen } })

/** Reads what a folder says of itself, and no more than that. */
export const readShipped = Effect.fn("ShippedTemplate.read")(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const noTemplate = (detail: string) => new ShippedTemplateError({ folder, reason: { _tag: "NoTemplate", detail } })
  const text = yield* Effect.mapError(fs.readFileString(path.join(folder, manifestName)), () =>
    noTemplate(`it has no ${manifestName} that can be read`)
  )
  const manifest = yield* Effect.mapError(Schema.decodeEffect(ManifestFile)(text), () =>
    noTemplate(`its ${manifestName} is not one that this version of nix-vm-test understands`)
  )
  const key = createHash("sha256").update(text).digest("hex").slice(0, 32)
  const shipped: ShippedTemplate = { folder, manifest, key }
  return shipped
})

/** Compares sizes, which costs nothing: most damage is a copy that was broken off. */
const checkSizes = Effect.fnUntraced(function* ({ folder, manifest }: ShippedTemplate) {
  for (const name of fileNames) {
    const size = yield* fileSize(path.join(folder, name))
    if (Option.isNone(size)) return yield* damaged(folder, name, "is not there")
    const { bytes } = manifest.files[name]
    if (size.value !== bytes) return yield* damaged(folder, name, `has ${size.value} bytes instead of ${bytes}`)
  }
})

const checkDigest = (shipped: ShippedTemplate, name: (typeof fileNames)[number], found: FileDigest) =>
  found.sha256 === shipped.manifest.files[name].sha256
    ? Effect.void
    : Effect.fail(damaged(shipped.folder, name, "has other bytes than when it was made"))

/** Reads all files to their ends. */
export const verifyShipped = Effect.fn("ShippedTemplate.verify")(function* (shipped: ShippedTemplate) {
  yield* checkSizes(shipped)
  for (const name of fileNames) {
    const found = yield* Effect.mapError(digestFile(path.join(shipped.folder, name)), refused(shipped.folder))
    yield* checkDigest(shipped, name, found)
  }
})

export interface ShipOptions {
  readonly template: Template
  readonly manifest: Omit<Manifest, "format" | "files">
  /** Absolute path of a folder that is not there yet. */
  readonly folder: string
  /** The `qemu-img` program. */
  readonly imageTool: string
}

/** Writes a template of the cache to a folder: whole, or not at all. */
export const shipTemplate = Effect.fn("ShippedTemplate.ship")(
  function* (options: ShipOptions) {
    const { template, folder, imageTool } = options
    const fs = yield* FileSystem.FileSystem
    const partial = `${folder}.partial-${process.pid}`
    yield* Effect.acquireRelease(fs.makeDirectory(partial, { recursive: true }), () =>
      Effect.ignore(fs.remove(partial, { recursive: true, force: true }))
    )
    const file = (name: string) => path.join(partial, name)
    yield* fs.copyFile(template.state, file("state"))
    yield* fs.copyFile(template.disk, file("disk.qcow2"))
    yield* fs.chmod(file("disk.qcow2"), 0o600)
    yield* renameBase({ imageTool, path: file("disk.qcow2"), base: undefined })
    const files = {
      "ram.zst": yield* packFile(template.ram, file("ram.zst")),
      state: yield* digestFile(file("state")),
      "disk.qcow2": yield* digestFile(file("disk.qcow2"))
    }
    const manifest: Manifest = { format, ...options.manifest, files }
    yield* fs.writeFileString(file(manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`)
    yield* Effect.forEach([...fileNames, manifestName], (name) => fs.chmod(file(name), 0o444), { discard: true })
    yield* fs.rename(partial, folder)
  },
  (shipping, { folder }) => Effect.mapError(Effect.scoped(shipping), refused(folder))
)

export interface AdoptOptions {
  readonly shipped: ShippedTemplate
  /** The image that its disk lies over, as it is on this host. */
  readonly base: DiskFacts & { readonly path: string }
  readonly imageTool: string
}

const unpack = Effect.fnUntraced(function* (options: AdoptOptions, partial: Template) {
  const { shipped, base, imageTool } = options
  const fs = yield* FileSystem.FileSystem
  const { folder, manifest } = shipped
  const failed = Effect.mapError(refused(folder))
  const copy = Effect.fnUntraced(function* (name: "state" | "disk.qcow2", to: string) {
    yield* failed(fs.copyFile(path.join(folder, name), to))
    yield* failed(fs.chmod(to, 0o600))
    // Of the copy: it is what will be used.
    yield* checkDigest(shipped, name, yield* failed(digestFile(to)))
  })
  yield* checkSizes(shipped)
  yield* copy("state", partial.state)
  yield* copy("disk.qcow2", partial.disk)
  const from = path.join(folder, "ram.zst")
  const unpacked = yield* Effect.result(unpackFile({ from, to: partial.ram, mostBytes: manifest.memoryBytes }))
  // Bytes that were changed may be no compressed file any more.
  if (unpacked._tag === "Failure") {
    yield* checkDigest(shipped, "ram.zst", yield* failed(digestFile(from)))
    return yield* refused(folder)(unpacked.failure)
  }
  yield* checkDigest(shipped, "ram.zst", unpacked.success)
  yield* failed(renameBase({ imageTool, path: partial.disk, base }))
})

/** The cache's verified copy of a shipped template, made where it is not there: from then on sizes and times tell whether it is whole. */
export const adoptShipped = Effect.fn("ShippedTemplate.adopt")(function* (options: AdoptOptions) {
  const { shipped, base } = options
  const { key, folder, manifest } = shipped
  const known = yield* lookUpTemplate(key)
  if (Option.isSome(known)) return known.value
  const failed = Effect.mapError(refused(folder))
  yield* failed(lockTemplate({ key, onWait: () => {} }))
  const made = yield* lookUpTemplate(key)
  if (Option.isSome(made)) return made.value
  const partial = yield* failed(makeTemplateFolder(key))
  yield* unpack(options, partial)
  return yield* failed(keepTemplate(partial, { title: manifest.title, base: base.path }))
}, Effect.scoped)

/** Folders of templates at a place: that folder itself, or those in it. */
export const shippedFolders = Effect.fnUntraced(function* (place: string) {
  const fs = yield* FileSystem.FileSystem
  const isTemplate = (folder: string) => Effect.orElseSucceed(fs.exists(path.join(folder, manifestName)), () => false)
  if (yield* isTemplate(place)) return [place]
  const names = yield* Effect.orElseSucceed(fs.readDirectory(place), (): Array<string> => [])
  const found = yield* Effect.filter(
    names.toSorted().map((name) => path.join(place, name)),
    isTemplate
  )
  // What is there instead is said by who reads it.
  return found.length === 0 ? [place] : found
})
