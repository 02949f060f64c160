import { join } from "node:path"
import { familiesIn, updateRegistry } from "@nix-vm-test/distributions/update/updateRegistry"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { publisherServices, type Site } from "./publisherServer.ts"

/** Runs the updater on these files, and gives what it says and what the folder holds then. */
export const updateFolder = Effect.fnUntraced(function* (options: {
  readonly files: Readonly<Record<string, string>>
  readonly site: Site
  readonly checkOnly?: boolean
}) {
  const { files, site, checkOnly = false } = options
  return yield* Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    for (const [name, text] of Object.entries(files)) yield* fs.writeFileString(join(folder, name), text)
    const updates = yield* updateRegistry({ folder, families: yield* familiesIn(folder), checkOnly })
    const names = (yield* fs.readDirectory(folder)).toSorted()
    const texts = yield* Effect.forEach(names, (name) => fs.readFileString(join(folder, name)))
    return { updates, after: Object.fromEntries(names.map((name, index) => [name, texts[index]])) }
  }).pipe(Effect.provide(publisherServices(site)))
}, Effect.scoped)
