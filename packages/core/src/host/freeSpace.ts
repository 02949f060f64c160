/** Room on the file system that holds a path. */
import * as fsp from "node:fs/promises"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/**
 * Bytes that this user may still write at a path, or at the nearest directory above it that exists; none where that
 * can't be told.
 */
export const freeSpace = (where: string): Effect.Effect<Option.Option<number>> =>
  Effect.tryPromise({
    try: async () => {
      const { bavail, bsize } = await fsp.statfs(where)
      return Option.some(bavail * bsize)
    },
    catch: () => "unreadable" as const
  }).pipe(
    Effect.catch(() => {
      const parent = path.dirname(where)
      return parent === where ? Effect.succeed(Option.none<number>()) : freeSpace(parent)
    })
  )
