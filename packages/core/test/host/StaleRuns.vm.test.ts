import { spawn } from "node:child_process"
import { assert, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { ownIdentity } from "@nix-vm-test/core/host/ProcessIdentity"
import { OwnerFile, ownerFileName } from "@nix-vm-test/core/host/RunDirectory"
import { removeStaleRuns } from "@nix-vm-test/core/host/StaleRuns"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { emptyMachine, realHost } from "../qemu/emptyMachine.ts"

layer(realHost, { excludeTestServices: true })("StaleRuns with a real QEMU", (it) => {
  it.effect("a QEMU that outlived its driver ends with the driver's directory, another one stays", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { binary } = yield* Qemu
      const root = yield* fs.makeTempDirectoryScoped()
      const own = yield* ownIdentity
      const stray = Effect.fnUntraced(function* (name: string, owner: typeof OwnerFile.Type) {
        const directory = `${root}/${name}`
        yield* fs.makeDirectory(directory)
        yield* fs.writeFileString(`${directory}/${ownerFileName}`, yield* Schema.encodeEffect(OwnerFile)(owner))
        const args = [...emptyMachine, "-qmp", `unix:${directory}/qmp,server=on,wait=off`]
        const child = yield* Effect.acquireRelease(
          Effect.sync(() => spawn(binary, args, { stdio: "ignore" })),
          (started) => Effect.sync(() => void started.kill("SIGKILL"))
        )
        const ended = Effect.promise(() => new Promise((done) => child.once("exit", (_, signal) => done(signal))))
        return { child, ended: yield* Effect.forkScoped(ended, { startImmediately: true }) }
      })
      const left = yield* stray("nvt-crashed", { ...own, startTime: "1" })
      const kept = yield* stray("nvt-living", own)
      const sweep = Effect.provideService(
        removeStaleRuns,
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnvRecord({ XDG_RUNTIME_DIR: root })
      )
      assert.include(yield* sweep, `${root}/nvt-crashed`)
      assert.strictEqual(yield* Fiber.join(left.ended), "SIGKILL")
      assert.isNull(kept.child.exitCode)
      assert.isNull(kept.child.signalCode)
    })
  )
})
