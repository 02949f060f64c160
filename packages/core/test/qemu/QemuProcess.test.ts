import { fileURLToPath } from "node:url"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { UnixSockets } from "@nix-vm-test/core/host/UnixSocket"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { parseFacts } from "@nix-vm-test/core/qemu/QemuFacts"
import { queryStatus } from "@nix-vm-test/core/qemu/Qmp"
import { conversationOf, installFake } from "./fakeQemu.ts"
import { startQemu } from "./emptyMachine.ts"

const withFake = (code: string) =>
  Layer.effect(
    Qemu,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const binary = yield* installFake({ directory, name: "qemu", code })
      const facts = Option.getOrThrow(parseFacts(conversationOf({})))
      return { ...facts, binary, imageTool: "", architecture: "x86_64", buildId: "fake" }
    })
  )

const crashing = `exec ${process.execPath} ${fileURLToPath(new URL("./children/crashedByKvm.ts", import.meta.url))} "$@"`

layer(Layer.mergeAll(NodeFileSystem.layer, ChildProcesses.layer, UnixSockets.layer), { excludeTestServices: true })(
  "QemuProcess with a program in QEMU's place",
  (it) => {
    it.effect(
      "an internal error is noticed, also after a stop that was asked for, with the accelerator's own line",
      () =>
        Effect.gen(function* () {
          const qemu = yield* startQemu([])
          yield* qemu.qmp.execute("stop")
          assert.strictEqual((yield* queryStatus(qemu.qmp)).status, "paused")
          yield* qemu.qmp.execute("cont")
          assert.strictEqual(yield* qemu.internalError, "KVM internal error. Suberror: 1")
          assert.strictEqual(yield* qemu.stop(), "quit")
        }).pipe(Effect.provide(withFake(crashing)))
    )
    it.effect("a monitor that never comes, of a process that lives, is given up", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(startQemu([], { answerWithinMs: 300 }))
        assert.strictEqual(error.reason._tag, "QmpClosed")
      }).pipe(Effect.provide(withFake("exec sleep 600")))
    )
    it.effect("an end by signal before the monitor's answer names the signal", () =>
      Effect.gen(function* () {
        const { reason, message } = yield* Effect.flip(startQemu([]))
        assert.deepInclude(reason, { _tag: "ExitedEarly", signal: "SIGABRT", stderrTail: "assertion\n" })
        assert.strictEqual(message, "QEMU of vm0 was ended by SIGABRT before its monitor answered:\nassertion")
      }).pipe(Effect.provide(withFake("echo assertion >&2; kill -ABRT $$")))
    )
  }
)
