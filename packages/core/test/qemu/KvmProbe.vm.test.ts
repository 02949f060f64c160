import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import { judge, makeKvmProbe, runPayload } from "@nix-vm-test/core/qemu/KvmProbe"
import { debugExitPort, kvmPayload, payloadMiscomputed } from "@nix-vm-test/core/qemu/kvmPayload"
import { Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { installFake } from "./fakeQemu.ts"
import { realHost } from "./emptyMachine.ts"

/** Far above what the payload needs under emulation on a busy host: the outcome is tested, not the time. */
const timeoutMs = 120_000

layer(realHost, { excludeTestServices: true })("KvmProbe", (it) => {
  it.effect("the payload passes on an emulated processor", () =>
    Effect.gen(function* () {
      const { binary } = yield* Qemu
      for (const cpu of ["max", "qemu64"]) {
        const output = yield* runPayload({ binary, accelerator: "tcg", cpu, timeoutMs })
        assert.deepStrictEqual(judge(output, timeoutMs), { _tag: "Usable" })
      }
    })
  )
  it.effect("a processor without cmpxchg16b does not pass", () =>
    Effect.gen(function* () {
      const { binary } = yield* Qemu
      const output = yield* runPayload({ binary, accelerator: "tcg", cpu: "max,-cx16", timeoutMs })
      assert.strictEqual(judge(output, timeoutMs)._tag, "Broken")
    })
  )
  it.effect("every result that the payload expects is really compared", () =>
    Effect.gen(function* () {
      const { binary } = yield* Qemu
      const processes = yield* ChildProcesses
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped()
      const payload = Buffer.from(kvmPayload())
      // `cmp dword [rdi], n` and `cmp dword [rdi + 8], n`: the instruction's last byte is the expected number.
      const comparisons = [...payload.keys()].flatMap((at) =>
        payload[at] === 0x83 && payload[at + 1] === 0x3f ? [at + 2] : payload[at] === 0x83 && payload[at + 1] === 0x7f ? [at + 3] : []
      )
      assert.strictEqual(comparisons.length, 4)
      for (const at of comparisons) {
        const altered = Buffer.from(payload)
        altered[at] = 99
        yield* fs.writeFile(file, altered)
        const output = yield* processes.run({
          command: binary,
          args: [
            ...["-M", "pc", "-accel", "tcg", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
            ...["-device", `isa-debug-exit,iobase=${debugExitPort},iosize=4`, "-kernel", file]
          ],
          timeoutMs
        })
        assert.deepStrictEqual(output.exit, Option.some({ code: payloadMiscomputed, signal: undefined }))
      }
    })
  )
  it.effect("the verdict on this machine's KVM is remembered, and another look says the same", () =>
    Effect.gen(function* () {
      const qemu = yield* Qemu
      const fs = yield* FileSystem.FileSystem
      const probeDirectory = yield* fs.makeTempDirectoryScoped()
      const look = Effect.flatMap(makeKvmProbe(qemu, { probeDirectory }), ({ verdict }) => verdict)
      const first = yield* look
      // A second look that ran QEMU would find a program that is no QEMU.
      const impostor = yield* installFake({ directory: probeDirectory, name: "impostor", code: "exit 7" })
      const remembered = Effect.flatMap(makeKvmProbe({ ...qemu, binary: impostor }, { probeDirectory }), ({ verdict }) => verdict)
      assert.deepStrictEqual(yield* remembered, first)
      assert.strictEqual(yield* fs.exists(`${probeDirectory}/kvm-${qemu.buildId}.json`), first._tag !== "Absent")
    })
  )
  it.effect("an unbootable QEMU makes KVM broken, not absent", () =>
    Effect.gen(function* () {
      const qemu = yield* Qemu
      const fs = yield* FileSystem.FileSystem
      const probeDirectory = yield* fs.makeTempDirectoryScoped()
      const binary = yield* installFake({ directory: probeDirectory, name: "impostor", code: "echo no such CPU >&2; exit 7" })
      const { verdict } = yield* makeKvmProbe({ ...qemu, binary }, { probeDirectory, node: "/dev/null" })
      assert.deepStrictEqual(yield* verdict, { _tag: "Broken", seen: "the probe ended QEMU with status 7: no such CPU" })
    })
  )
  it.effect("a guest's experience outweighs the probe, for later runs too", () =>
    Effect.gen(function* () {
      const qemu = yield* Qemu
      const fs = yield* FileSystem.FileSystem
      const probeDirectory = yield* fs.makeTempDirectoryScoped()
      const binary = yield* installFake({ directory: probeDirectory, name: "impostor", code: "exit 43" })
      const probing = makeKvmProbe({ ...qemu, binary }, { probeDirectory, node: "/dev/null" })
      const probe = yield* probing
      assert.deepStrictEqual(yield* probe.verdict, { _tag: "Usable" })
      yield* probe.markBroken("the guest stopped")
      assert.deepStrictEqual(yield* probe.verdict, { _tag: "Broken", seen: "the guest stopped" })
      assert.deepStrictEqual(yield* (yield* probing).verdict, { _tag: "Broken", seen: "the guest stopped" })
    })
  )
})
