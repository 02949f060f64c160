import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { judge, makeKvmProbe, runPayload } from "@nix-vm-test/core/qemu/KvmProbe"
import { kvmPayloads } from "@nix-vm-test/core/qemu/kvmPayloads"
import { x86Payload } from "@nix-vm-test/core/qemu/x86Payload"
import { findQemu, Qemu } from "@nix-vm-test/core/qemu/Qemu"
import { installFake } from "./fakeQemu.ts"
import { realHost } from "./emptyMachine.ts"

/** Far above what the payload needs under emulation on a busy host: the outcome is tested, not the time. */
const timeoutMs = 120_000

layer(realHost, { excludeTestServices: true })("KvmProbe", (it) => {
  it.effect("the payload passes on an emulated processor", () =>
    Effect.gen(function* () {
      const { binary, architecture } = yield* Qemu
      const payload = kvmPayloads[architecture]
      const output = yield* runPayload({ binary, payload, accelerator: "tcg", cpu: "max", timeoutMs })
      assert.deepStrictEqual(judge(payload, output, timeoutMs), { _tag: "Usable" })
    })
  )
  it.effect("a kernel that is no program does not pass", () =>
    Effect.gen(function* () {
      const { binary, architecture } = yield* Qemu
      const payload = kvmPayloads[architecture]
      const kernel = Uint8Array.from(payload.kernel, (byte) => byte ^ 0xff)
      const output = yield* runPayload({
        binary,
        payload: { ...payload, kernel },
        accelerator: "tcg",
        cpu: "max",
        timeoutMs: 2000
      })
      assert.strictEqual(judge(payload, output, 2000)._tag, "Broken")
    })
  )
  it.effect("x86-64: a processor without cmpxchg16b does not pass, and every result is really compared", () =>
    Effect.gen(function* () {
      const binary = yield* findQemu("x86_64")
      const run = (kernel: Uint8Array, cpu: string) =>
        Effect.map(
          runPayload({ binary, payload: { ...x86Payload, kernel }, accelerator: "tcg", cpu, timeoutMs }),
          x86Payload.judge
        )
      assert.strictEqual(yield* run(x86Payload.kernel, "qemu64"), "passed")
      assert.strictEqual(yield* run(x86Payload.kernel, "max,-cx16"), "failed")
      // `cmp dword [rdi], n` and `cmp dword [rdi + 8], n`: the instruction's last byte is the expected number.
      const comparisons = [...x86Payload.kernel.keys()].flatMap((at) => {
        const [opcode, operand] = x86Payload.kernel.subarray(at)
        return opcode !== 0x83 ? [] : operand === 0x3f ? [at + 2] : operand === 0x7f ? [at + 3] : []
      })
      assert.strictEqual(comparisons.length, 4)
      for (const at of comparisons) {
        assert.strictEqual(yield* run(x86Payload.kernel.with(at, 99), "max"), "miscomputed")
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
      const remembered = Effect.flatMap(
        makeKvmProbe({ ...qemu, binary: impostor }, { probeDirectory }),
        ({ verdict }) => verdict
      )
      assert.deepStrictEqual(yield* remembered, first)
      assert.strictEqual(yield* fs.exists(`${probeDirectory}/kvm-${qemu.buildId}.json`), first._tag !== "Absent")
    })
  )
  it.effect("an unbootable QEMU makes KVM broken, not absent", () =>
    Effect.gen(function* () {
      const qemu = yield* Qemu
      const fs = yield* FileSystem.FileSystem
      const probeDirectory = yield* fs.makeTempDirectoryScoped()
      const binary = yield* installFake({
        directory: probeDirectory,
        name: "impostor",
        code: "echo no such CPU >&2; exit 7"
      })
      const { verdict } = yield* makeKvmProbe({ ...qemu, binary }, { probeDirectory, node: "/dev/null" })
      assert.deepStrictEqual(yield* verdict, {
        _tag: "Broken",
        seen: "the probe ended QEMU with status 7: no such CPU"
      })
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
