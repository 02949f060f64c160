/**
 * Templates: booted guests at rest. A folder each, by key: RAM, device state, disk, and a record that says what they looked like when they were
 * sealed. What does not look like that any more is thrown away; it can be made again.
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { ProcessIdentity } from "../host/ProcessIdentity.ts"
import { CacheDirectory } from "./CacheDirectory.ts"
import { fileLock } from "./FileLock.ts"
import { hostRefusal } from "./hostRefusal.ts"
import type { ImageError } from "./ImageError.ts"
import { markUsed } from "./lastUse.ts"

/** Files of a template; RAM and disk are never written to once sealed. */
export interface Template {
  readonly key: string
  readonly folder: string
  readonly ram: string
  readonly state: string
  readonly disk: string
}

const files = ["ram", "state", "disk.qcow2"] as const

const templateAt = (folder: string, key: string): Template => ({
  key,
  folder,
  ram: `${folder}/ram`,
  state: `${folder}/state`,
  disk: `${folder}/disk.qcow2`
})

/** A file as it was when the template was sealed. Any later write shows in its time: hashing a gigabyte for each clone would cost more than the clone. */
const Seal = Schema.Struct({ bytes: Schema.Finite, modifiedMs: Schema.Finite })

export const TemplateRecord = Schema.Struct({
  /** For people: image, memory, processors. */
  title: Schema.String,
  seals: Schema.Record(Schema.Literals(files), Seal),
  /** What the disk lies over. Another file of the same name, such as an image that was prepared anew, is another disk. */
  base: Schema.Struct({ path: Schema.String, seal: Seal })
})
export type TemplateRecord = typeof TemplateRecord.Type

const RecordFile = Schema.fromJsonString(TemplateRecord)
/** In a template's folder; its time is that of the template's last use. */
export const templateRecordName = "template.json"

const sealOf = (path: string) =>
  FileSystem.FileSystem.use((fs) => fs.stat(path)).pipe(
    Effect.map(({ size, mtime }) => ({
      bytes: ByteSize.toNumberUnsafe(size),
      modifiedMs: Option.match(mtime, { onNone: () => 0, onSome: (date) => date.getTime() })
    })),
    Effect.mapError(hostRefusal({ operation: "read", path }))
  )

const hasSeal = Effect.fnUntraced(function* (path: string, then: typeof Seal.Type) {
  const now = yield* Effect.option(sealOf(path))
  return Option.isSome(now) && now.value.bytes === then.bytes && now.value.modifiedMs === then.modifiedMs
})

const isAsSealed = Effect.fnUntraced(function* (template: Template, record: TemplateRecord) {
  for (const name of files) {
    if (!(yield* hasSeal(`${template.folder}/${name}`, record.seals[name]))) return false
  }
  return yield* hasSeal(record.base.path, record.base.seal)
})

/** The template of this key, if it is there and as it was sealed; its time of use is set. */
export const lookUpTemplate = Effect.fn("Templates.lookUp")(function* (key: string) {
  const fs = yield* FileSystem.FileSystem
  const { templates } = yield* CacheDirectory
  const template = templateAt(`${templates}/${key}`, key)
  const recordPath = `${template.folder}/${templateRecordName}`
  const text = yield* Effect.option(fs.readFileString(recordPath))
  if (Option.isNone(text)) return Option.none<Template>()
  const record = yield* Effect.option(Schema.decodeEffect(RecordFile)(text.value))
  if (Option.isNone(record) || !(yield* isAsSealed(template, record.value))) {
    yield* discardTemplate(template)
    return Option.none<Template>()
  }
  yield* markUsed(recordPath)
  return Option.some(template)
})

/** Throws a template away; clones that run have its files open and go on. */
export const discardTemplate = Effect.fn("Templates.discard")(function* (template: Template) {
  const fs = yield* FileSystem.FileSystem
  // Out of sight first: nobody finds half a template.
  const away = `${template.folder}.discarded-${process.pid}`
  yield* Effect.ignore(fs.rename(template.folder, away))
  yield* Effect.ignore(fs.remove(away, { recursive: true, force: true }))
})

/** Keeps others from making the same template until the Scope closes. */
export const lockTemplate = Effect.fnUntraced(function* (options: {
  readonly key: string
  readonly onWait: (owner: ProcessIdentity) => void
}): Effect.fn.Return<void, ImageError, CacheDirectory | FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const { templates } = yield* CacheDirectory
  yield* Effect.mapError(
    fs.makeDirectory(templates, { recursive: true }),
    hostRefusal({ operation: "make", path: templates })
  )
  yield* fileLock({ path: `${templates}/${options.key}.lock`, onWait: options.onWait })
})

/** A folder in the cache for a template in the making; gone with the Scope unless it was kept. The caller holds the lock. */
export const makeTemplateFolder = Effect.fnUntraced(function* (key: string) {
  const fs = yield* FileSystem.FileSystem
  const { templates } = yield* CacheDirectory
  const folder = `${templates}/${key}.partial`
  const remove = Effect.ignore(fs.remove(folder, { recursive: true, force: true }))
  yield* remove
  yield* Effect.acquireRelease(
    Effect.mapError(
      fs.makeDirectory(folder, { recursive: true, mode: 0o700 }),
      hostRefusal({ operation: "make", path: folder })
    ),
    () => remove
  )
  return templateAt(folder, key)
})

export interface KeepOptions {
  readonly title: string
  /** Path of the file that the template's disk lies over. */
  readonly base: string
}

/** Gives a finished template its place: files read-only, the record last, then renamed. */
export const keepTemplate = Effect.fnUntraced(function* (partial: Template, { title, base }: KeepOptions) {
  const fs = yield* FileSystem.FileSystem
  const { templates } = yield* CacheDirectory
  const refused = hostRefusal({ operation: "write", path: partial.folder })
  const keep = Effect.fnUntraced(function* (name: (typeof files)[number]) {
    const path = `${partial.folder}/${name}`
    // QEMU opens RAM for writing although clones map it privately, and fails where it may not.
    yield* Effect.mapError(fs.chmod(path, name === "ram" ? 0o600 : 0o444), refused)
    return yield* sealOf(path)
  })
  const record: TemplateRecord = {
    title,
    seals: { ram: yield* keep("ram"), state: yield* keep("state"), "disk.qcow2": yield* keep("disk.qcow2") },
    base: { path: base, seal: yield* sealOf(base) }
  }
  const text = yield* Effect.orDie(Schema.encodeEffect(RecordFile)(record))
  yield* Effect.mapError(fs.writeFileString(`${partial.folder}/${templateRecordName}`, text), refused)
  const folder = `${templates}/${partial.key}`
  yield* Effect.ignore(fs.remove(folder, { recursive: true, force: true }))
  yield* Effect.mapError(fs.rename(partial.folder, folder), refused)
  return templateAt(folder, partial.key)
})

/**
 * Gives a template's disk a second name, by which a machine keeps it when the template is thrown away: QEMU opens it again at each of the
 * machine's later starts. A copy where the file systems differ.
 */
export const holdDisk = Effect.fnUntraced(function* (template: Template, path: string) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.catch(fs.link(template.disk, path), () => fs.copyFile(template.disk, path)).pipe(
    Effect.mapError(hostRefusal({ operation: "write", path }))
  )
})
