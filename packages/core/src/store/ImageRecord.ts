/** What is known about a disk in the cache, kept in a small file beside it, so that no program has to look at the disk again. */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { hostRefusal } from "./hostRefusal.ts"
import type { ImageError } from "./ImageError.ts"

/** Written last: its presence says that all files of the image are there. */
export const ImageRecord = Schema.Struct({
  /** Absolute for a user's own file, else relative to the record's folder. */
  disk: Schema.String,
  format: Schema.Literals(["qcow2", "raw"]),
  virtualSize: Schema.Finite,
  /** Size of the disk's file: another one now means that it is not the same file. */
  bytes: Schema.Finite,
  kernel: Schema.optionalKey(
    Schema.Struct({ kernel: Schema.String, initrd: Schema.String, commandLine: Schema.String })
  ),
  installedAgent: Schema.Boolean,
  /** For people: the image's id in the registry or the spec. */
  title: Schema.optionalKey(Schema.String)
})
export type ImageRecord = typeof ImageRecord.Type

/** How a recipe was last built. */
export const BuildRecord = Schema.Struct({
  /** Of the image in the cache. */
  key: Schema.String,
  /** State of the archive that its packages are from; empty where it could not be found out. */
  release: Schema.String,
  /** Milliseconds since the epoch: when the archive was last asked. */
  checkedAt: Schema.Finite
})
export type BuildRecord = typeof BuildRecord.Type

/** Size of a file, or none. */
export const fileSize = (path: string): Effect.Effect<Option.Option<number>, never, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) => fs.stat(path)).pipe(
    Effect.map((info) => ByteSize.toNumberUnsafe(info.size)),
    Effect.option
  )

/** Reads a record; none where it is missing or of another form. */
export const readRecord = <A>(
  path: string,
  schema: Schema.Codec<A, unknown>
): Effect.Effect<Option.Option<A>, never, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) => fs.readFileString(path)).pipe(
    Effect.flatMap(Schema.decodeEffect(Schema.fromJsonString(schema))),
    Effect.option
  )

/** Writes a record beside its place and renames it, so that a reader sees a whole one or none. */
export const writeRecord = Effect.fn("ImageRecord.write")(function* <A>(
  path: string,
  schema: Schema.Codec<A, unknown>,
  value: A
): Effect.fn.Return<void, ImageError, FileSystem.FileSystem> {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orDie(Schema.encodeEffect(Schema.fromJsonString(schema))(value))
  const beside = `${path}.${process.pid}`
  yield* Effect.andThen(fs.writeFileString(beside, text), fs.rename(beside, path)).pipe(
    Effect.mapError(hostRefusal({ operation: "write", path }))
  )
})
