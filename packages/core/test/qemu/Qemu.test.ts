import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { inspectQemu, Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { answering, installFake } from "./fakeQemu.ts"

const environment = (env: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(env))

const setUp = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
  const options = { probeDirectory: `${directory}/deep/probe`, architecture: "x86_64" } as const
  const calls = Effect.map(
    Effect.orElseSucceed(fs.readFileString(`${directory}/calls`), () => ""),
    (text) => text.split("\n").length - 1
  )
  return { fs, directory, options, calls }
})

layer(Layer.merge(NodeFileSystem.layer, ChildProcesses.layer), { excludeTestServices: true })("Qemu", (it) => {
  it.effect("is the first one on PATH, with qemu-img beside it", () =>
    Effect.gen(function* () {
      const { directory, options } = yield* setUp
      const binary = yield* installFake({
        directory,
        name: "qemu-system-x86_64",
        code: answering({ version: [8, 1, 2] })
      })
      const imageTool = yield* installFake({ directory, name: "qemu-img", code: "" })
      const qemu = yield* Effect.provide(Qemu, Qemu.layer(options)).pipe(
        environment({ PATH: `relative:/nowhere:${directory}:/usr/bin` })
      )
      assert.deepInclude(qemu, { binary, imageTool, architecture: "x86_64" })
      assert.strictEqual(qemu.version.text, "8.1.2")
      assert.match(qemu.buildId, /^[0-9a-f]{16}$/u)
    })
  )
  it.effect("is what NIX_VM_TEST_QEMU names, links resolved", () =>
    Effect.gen(function* () {
      const { fs, directory, options } = yield* setUp
      const real = yield* installFake({ directory, name: "my-qemu", code: answering({}) })
      yield* fs.symlink(real, `${directory}/link`)
      const qemu = yield* inspectQemu(options).pipe(
        environment({ NIX_VM_TEST_QEMU: `${directory}/link`, PATH: "/nowhere" })
      )
      assert.strictEqual(qemu.binary, real)
    })
  )
  it.effect("is asked once; a changed file is asked again and has another build id", () =>
    Effect.gen(function* () {
      const { directory, options, calls } = yield* setUp
      const install = (version: readonly [number, number, number]) =>
        installFake({ directory, name: "q", code: answering({ version }) })
      const inspect = inspectQemu(options).pipe(environment({ NIX_VM_TEST_QEMU: yield* install([9, 0, 0]) }))
      const first = yield* inspect
      assert.deepStrictEqual(yield* inspect, first)
      assert.strictEqual(yield* calls, 1)
      yield* install([10, 0, 0])
      const second = yield* inspect
      assert.strictEqual(second.version.major, 10)
      assert.notStrictEqual(second.buildId, first.buildId)
      assert.strictEqual(yield* calls, 2)
    })
  )
  it.effect("what is remembered in a form not understood is found again", () =>
    Effect.gen(function* () {
      const { fs, directory, options, calls } = yield* setUp
      const inspect = inspectQemu(options).pipe(
        environment({ NIX_VM_TEST_QEMU: yield* installFake({ directory, name: "q", code: answering({}) }) })
      )
      const first = yield* inspect
      const [name] = yield* fs.readDirectory(options.probeDirectory)
      yield* fs.writeFileString(`${options.probeDirectory}/${name}`, '{"version":')
      assert.deepStrictEqual(yield* inspect, first)
      assert.strictEqual(yield* calls, 2)
    })
  )
  it.effect("a cache that can't be written only costs time", () =>
    Effect.gen(function* () {
      const { fs, directory, options, calls } = yield* setUp
      yield* fs.writeFileString(`${directory}/deep`, "a file where a directory should be")
      const inspect = inspectQemu(options).pipe(
        environment({ NIX_VM_TEST_QEMU: yield* installFake({ directory, name: "q", code: answering({}) }) })
      )
      assert.deepStrictEqual(yield* inspect, yield* inspect)
      assert.strictEqual(yield* calls, 2)
    })
  )
  it.effect("no QEMU: the error says where it was looked for and what to install", () =>
    Effect.gen(function* () {
      const { options } = yield* setUp
      const error = yield* Effect.flip(inspectQemu(options)).pipe(environment({ PATH: "/nowhere:/no/where" }))
      assert.deepStrictEqual(error.reason, {
        _tag: "NotFound",
        program: "qemu-system-x86_64",
        searched: ["/nowhere", "/no/where"],
        hint: "apt install qemu-system-x86"
      })
    })
  )
  it.effect("a named QEMU that is not there is not replaced by another", () =>
    Effect.gen(function* () {
      const { options } = yield* setUp
      const error = yield* Effect.flip(inspectQemu(options)).pipe(
        environment({ NIX_VM_TEST_QEMU: "/nowhere/qemu", PATH: "/usr/bin" })
      )
      assert.include(error.message, "/nowhere/qemu")
      assert.include(error.message, "NIX_VM_TEST_QEMU")
    })
  )
  it.effect("no qemu-img is an error of its own", () =>
    Effect.gen(function* () {
      const { directory, options } = yield* setUp
      yield* installFake({ directory, name: "qemu-system-x86_64", code: answering({}) })
      const error = yield* Effect.flip(Effect.provide(Qemu, Qemu.layer(options))).pipe(environment({ PATH: directory }))
      assert.include(error.message, "apt install qemu-utils")
    })
  )
  it.effect("a program that is no QEMU is unusable, and its words are kept", () =>
    Effect.gen(function* () {
      const { directory, options } = yield* setUp
      const path = yield* installFake({ directory, name: "q", code: "echo wrong libc >&2; exit 5" })
      const error = yield* Effect.flip(inspectQemu(options)).pipe(environment({ NIX_VM_TEST_QEMU: path }))
      assert.strictEqual(error.reason._tag, "Unusable")
      assert.include(error.message, "exit 5")
      assert.include(error.message, "wrong libc")
    })
  )
})
