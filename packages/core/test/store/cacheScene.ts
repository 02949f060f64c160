/** A cache of a test's own with small templates in it. */
import { CacheDirectory } from "@nix-vm-test/core/store/CacheDirectory"
import { keepTemplate, lockTemplate, makeTemplateFolder } from "@nix-vm-test/core/store/Templates"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"

export const emptyCache = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const root = yield* fs.makeTempDirectoryScoped()
  const base = `${root}/base.qcow2`
  yield* fs.writeFileString(base, "base")
  return { fs, root, base, cache: CacheDirectory.layerAt(`${root}/cache`) }
})

/** Makes a template of small files, its memory so many bytes. */
export const makeSmallTemplate = Effect.fnUntraced(function* (options: {
  readonly key: string
  readonly base: string
  readonly ramBytes?: number
}) {
  const fs = yield* FileSystem.FileSystem
  yield* lockTemplate({ key: options.key, onWait: () => {} })
  const partial = yield* makeTemplateFolder(options.key)
  yield* fs.writeFile(partial.ram, new Uint8Array(options.ramBytes ?? 4096).fill(1))
  yield* fs.writeFileString(partial.state, "state")
  yield* fs.writeFileString(partial.disk, "disk")
  return yield* keepTemplate(partial, { title: "small", base: options.base })
}, Effect.scoped)
