/**
 * Remembers on disk what was learnt by running QEMU, since each look costs 50 ms or more.
 *
 * The file's name must hold everything that the answer depends on. A cache that can't be read or written is no error:
 * the answer is found again.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export interface CachedAnswer<A> {
  /** Directory of the cache; made when it is missing. */
  readonly directory: string
  /** File name without its ending. */
  readonly name: string
  readonly schema: Schema.Codec<A, unknown>
}

const pathOf = (answer: { readonly directory: string; readonly name: string }) =>
  `${answer.directory}/${answer.name}.json`

/** What is remembered; none where nothing is, or something of another form. */
export const recall = <A>(answer: CachedAnswer<A>): Effect.Effect<Option.Option<A>, never, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) => fs.readFileString(pathOf(answer))).pipe(
    Effect.flatMap(Schema.decodeEffect(Schema.fromJsonString(answer.schema))),
    Effect.option
  )

/** Remembers a value: written beside its place and renamed, so that a reader sees a whole file or none. */
export const remember = Effect.fn("ProbeCache.remember")(
  function* <A>(answer: CachedAnswer<A>, value: A) {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Schema.encodeEffect(Schema.fromJsonString(answer.schema))(value)
    yield* fs.makeDirectory(answer.directory, { recursive: true })
    const path = pathOf(answer)
    const beside = `${path}.${process.pid}.${performance.now()}`
    yield* Effect.andThen(fs.writeFileString(beside, text), fs.rename(beside, path)).pipe(
      Effect.onError(() => Effect.ignore(fs.remove(beside, { force: true })))
    )
  },
  (effect) => Effect.ignore(effect)
)
