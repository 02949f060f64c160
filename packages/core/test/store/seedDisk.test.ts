import { assert, layer } from "@effect/vitest"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { noCloudSeed } from "@nix-vm-test/core/plan/entry/noCloudSeed"
import { writeSeedDisk } from "@nix-vm-test/core/store/seedDisk"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { storeServices } from "./storeAt.ts"

layer(storeServices, { excludeTestServices: true })("seed disk", (it) => {
  it.effect("is a FAT file system with cloud-init's label and the seed's files, and leaves nothing beside it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const processes = yield* ChildProcesses
      const folder = yield* fs.makeTempDirectoryScoped()
      const disk = `${folder}/m1.seed`
      const seed = noCloudSeed({ init: "systemd", unit: "[Service]\nExecStart=/bin/true\n" })
      yield* writeSeedDisk({ seed, path: disk })
      assert.deepStrictEqual(yield* fs.readDirectory(folder), ["m1.seed"])
      const run = (command: string, ...args: ReadonlyArray<string>) =>
        Effect.map(processes.run({ command, args, timeoutMs: 60_000 }), ({ stdout }) => stdout)
      assert.match(yield* run("mlabel", "-s", "-i", disk, "::"), /cidata/iu)
      for (const [name, text] of Object.entries(seed.files)) {
        assert.strictEqual(yield* run("mtype", "-i", disk, `::/${name}`), text)
      }
    })
  )

  it.effect("names the folder that can't be written", () =>
    Effect.gen(function* () {
      const path = `${yield* FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())}/missing/m1.seed`
      const error = yield* Effect.flip(writeSeedDisk({ seed: noCloudSeed({ init: "systemd", unit: "" }), path }))
      assert.include(error.message, path)
    })
  )
})
