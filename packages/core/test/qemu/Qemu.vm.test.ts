import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { checkHost } from "@nix-vm-test/core/qemu/hostChecks"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { realHost } from "./emptyMachine.ts"

layer(realHost, { excludeTestServices: true })("the QEMU of this machine", (it) => {
  it.effect("says the same of itself as its command line does", () =>
    Effect.gen(function* () {
      const qemu = yield* Qemu
      const processes = yield* ChildProcesses
      const ask = (...args: ReadonlyArray<string>) =>
        Effect.map(processes.run({ command: qemu.binary, args, timeoutMs: 60_000 }), ({ stdout }) => stdout)
      const { major, minor, micro } = qemu.version
      assert.include(yield* ask("-version"), `version ${major}.${minor}.${micro}`)
      const machines = yield* ask("-machine", "help")
      for (const [alias, name] of Object.entries(qemu.machineTypes)) {
        assert.match(machines, new RegExp(`^${alias} .*\\(alias of ${name}\\)`, "mu"))
      }
      const help = yield* ask("-help")
      assert.strictEqual(qemu.capabilities.streamNetdev, help.includes("-netdev stream"))
      assert.strictEqual(qemu.capabilities.fsdev, help.includes("-fsdev local"))
      assert.strictEqual(qemu.capabilities.userNetdev, help.includes("-netdev user"))
    })
  )
  it.effect("lets nothing be missing on a machine that runs these tests", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const cacheDirectory = yield* fs.makeTempDirectoryScoped()
      const findings = yield* checkHost({ probeDirectory: cacheDirectory, cacheDirectory })
      assert.deepStrictEqual(
        findings.filter(({ status }) => status === "missing"),
        []
      )
      assert.deepStrictEqual(
        findings.map(({ id }) => id),
        ["qemu", "qemuVersion", "kvm", "imageTool", "processGuard", "userNamespaces", "memory", "disk"]
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
