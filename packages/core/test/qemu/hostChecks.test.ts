import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ChildProcesses } from "@nix-vm-test/core/host/ChildProcesses"
import * as hostChecks from "@nix-vm-test/core/qemu/hostChecks"
import { parseFacts } from "@nix-vm-test/core/qemu/QemuFacts"
import { answering, conversationOf, type FakeAnswers, installFake } from "./fakeQemu.ts"

const gib = 1024 ** 3

const versionStatus = (answers: FakeAnswers, kvm: boolean) => {
  const qemu = { ...Option.getOrThrow(parseFacts(conversationOf(answers))), architecture: "x86_64" } as const
  return hostChecks.qemuVersionFinding(qemu, kvm ? { _tag: "Usable" } : { _tag: "Broken", seen: "" }).status
}

describe("hostChecks", () => {
  it("memory", () => {
    assert.strictEqual(hostChecks.availableMemory("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), 2048 * 1024)
    assert.isUndefined(hostChecks.availableMemory(""))
    assert.strictEqual(hostChecks.memoryFinding(8 * gib).status, "ok")
    assert.deepInclude(hostChecks.memoryFinding(gib), { status: "warn", detail: "only 1.0 GiB available" })
  })
  it("disk", () => {
    assert.strictEqual(hostChecks.diskFinding("/cache", Option.some(100 * gib)).status, "ok")
    const full = hostChecks.diskFinding("/cache", Option.some(gib))
    assert.strictEqual(full.status, "warn")
    assert.include(full.mend, "NIX_VM_TEST_CACHE")
  })
  it("subordinate ids", () => {
    const me = { name: "me", uid: 1000 }
    assert.isTrue(hostChecks.hasSubordinateIds("you:1:65536\nme:100000:65536\n", me))
    assert.isTrue(hostChecks.hasSubordinateIds("1000:100000:65536", me))
    assert.isFalse(hostChecks.hasSubordinateIds("me:100000:1000\nyou:1:65536", me))
    assert.isFalse(hostChecks.hasSubordinateIds("", me))
  })
  it("KVM that is absent names its mending, and never stops anything", () => {
    const finding = hostChecks.kvmFinding({
      _tag: "Absent",
      reason: "noPermission",
      detail: "may not",
      hint: "join kvm"
    })
    assert.deepInclude(finding, { status: "warn", mend: "join kvm" })
    assert.strictEqual(hostChecks.kvmFinding({ _tag: "Broken", seen: "crawls" }).status, "warn")
    assert.strictEqual(hostChecks.kvmFinding({ _tag: "Usable" }).status, "ok")
  })
  it("QEMU's version: too old for networks, unwise under emulation, or good", () => {
    const netdevs = { stream: [] }
    assert.strictEqual(versionStatus({ version: [6, 2, 0] }, true), "missing")
    assert.strictEqual(versionStatus({ version: [7, 2, 0], netdevs }, false), "warn")
    assert.strictEqual(versionStatus({ version: [7, 2, 0], netdevs }, true), "ok")
    assert.strictEqual(versionStatus({ version: [10, 0, 2], netdevs }, false), "ok")
  })
})

layer(Layer.merge(NodeFileSystem.layer, ChildProcesses.layer), { excludeTestServices: true })("checkHost", (it) => {
  it.effect("on a machine without QEMU, all that is missing is said at once", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const findings = yield* hostChecks
        .checkHost({ probeDirectory: `${directory}/probe`, cacheDirectory: `${directory}/not/yet/there` })
        .pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord({ PATH: directory })))
      const mends = Object.fromEntries(
        findings.filter(({ status }) => status === "missing").map(({ id, mend }) => [id, mend])
      )
      assert.strictEqual(
        mends["qemu"],
        process.arch === "arm64" ? "apt install qemu-system-arm" : "apt install qemu-system-x86"
      )
      assert.strictEqual(mends["imageTool"], "apt install qemu-utils")
      assert.match(findings.find(({ id }) => id === "disk")?.detail ?? "", /GiB free/u)
      assert.strictEqual(findings.find(({ id }) => id === "processGuard")?.status, "ok")
    })
  )
  it.effect("a QEMU without qemu-img is found, and only qemu-img is missing", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const name = process.arch === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64"
      yield* installFake({ directory, name, code: answering({ netdevs: { stream: [] } }) })
      const findings = yield* hostChecks
        .checkHost({ probeDirectory: `${directory}/probe`, cacheDirectory: directory })
        .pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord({ PATH: directory })))
      assert.deepStrictEqual(
        findings.filter(({ status }) => status === "missing").map(({ id }) => id),
        ["imageTool"]
      )
      assert.include(findings.find(({ id }) => id === "kvm")?.detail, "built without KVM")
    })
  )
})
