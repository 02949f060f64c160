/** When something in the cache was last used: the time of its record's file. What has not been used for longest goes first. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"

/** Never fails: a cache that can't be written to is never cleaned up either. */
export const markUsed = Effect.fnUntraced(function* (recordPath: string) {
  const fs = yield* FileSystem.FileSystem
  const now = new Date()
  yield* Effect.ignore(fs.utimes(recordPath, now, now))
})
