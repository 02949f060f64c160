import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import { findKvmNode, groupName, type KvmNodeOptions, virtualisationFlag } from "@nix-vm-test/core/qemu/KvmNode"

describe("virtualisationFlag", () => {
  it("finds the flag of either maker, and no other word with it", () => {
    assert.strictEqual(virtualisationFlag("model name\t: x\nflags\t\t: fpu vmx sse2\nbugs\t: none"), "vmx")
    assert.strictEqual(virtualisationFlag("flags\t\t: fpu svm\n"), "svm")
    assert.isUndefined(virtualisationFlag("flags\t\t: fpu svm_lock\nvmx flags\t: vnmi vmx\n"))
    assert.isUndefined(virtualisationFlag(""))
  })
})

describe("groupName", () => {
  it("finds a group by its number", () => {
    const groups = "root:x:0:\nkvm:x:108:me\nother:x:1080:\n"
    assert.strictEqual(groupName(groups, 108), "kvm")
    assert.isUndefined(groupName(groups, 10))
  })
})

const sound: KvmNodeOptions = { node: "/dev/kvm", guest: "x86_64", host: "x86_64", builtIn: true }

/** Files of a machine that the test does not run on: their text, or the error that opening them gives. */
const machine = (files: {
  readonly open: "ok" | "NotFound" | "PermissionDenied"
  readonly mode?: number
  readonly cpuinfo?: string
}) =>
  FileSystem.layerNoop({
    open: (path) =>
      files.open === "ok"
        ? Effect.die("opens")
        : Effect.fail(
            PlatformError.systemError({
              _tag: files.open,
              module: "FileSystem",
              method: "open",
              pathOrDescriptor: path
            })
          ),
    stat: (path) =>
      Effect.map(
        Effect.provide(
          FileSystem.FileSystem.use((fs) => fs.stat("/dev/null")),
          NodeFileSystem.layer
        ),
        (info) => ({ ...info, mode: path === "/dev/kvm" ? (files.mode ?? 0o660) : 0, gid: Option.some(108) })
      ),
    readFileString: (path) => Effect.succeed(path === "/etc/group" ? "kvm:x:108:" : (files.cpuinfo ?? ""))
  })

const absence = (options: KvmNodeOptions) => Effect.map(findKvmNode(options), Option.getOrThrow)

describe("findKvmNode", () => {
  it.effect("another architecture needs no look at the node", () =>
    Effect.gen(function* () {
      const absent = yield* absence({ ...sound, guest: "aarch64" })
      assert.deepInclude(absent, { reason: "foreignArchitecture" })
    }).pipe(Effect.provide(machine({ open: "ok" })))
  )
  it.effect("a QEMU without KVM", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* absence({ ...sound, builtIn: false }), { reason: "notInQemu" })
    }).pipe(Effect.provide(machine({ open: "ok" })))
  )
  it.effect("no node on a CPU that could: the module to load", () =>
    Effect.gen(function* () {
      const absent = yield* absence(sound)
      assert.strictEqual(absent.reason, "noNode")
      assert.include(absent.hint, "modprobe kvm_amd")
    }).pipe(Effect.provide(machine({ open: "NotFound", cpuinfo: "flags : svm" })))
  )
  it.effect("no node on a CPU that can't", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* absence(sound)).reason, "noVirtualisation")
    }).pipe(Effect.provide(machine({ open: "NotFound", cpuinfo: "flags : fpu" })))
  )
  it.effect("no permission: the group to join", () =>
    Effect.gen(function* () {
      const absent = yield* absence(sound)
      assert.strictEqual(absent.reason, "noPermission")
      assert.include(absent.detail, "group kvm may")
      assert.include(absent.hint, "usermod -aG kvm")
    }).pipe(Effect.provide(machine({ open: "PermissionDenied" })))
  )
  it.effect("no permission for any group: joining one would not help", () =>
    Effect.gen(function* () {
      const absent = yield* absence(sound)
      assert.strictEqual(absent.reason, "noPermission")
      assert.include(absent.hint, "chmod 660")
    }).pipe(Effect.provide(machine({ open: "PermissionDenied", mode: 0o600 })))
  )
})

layer(NodeFileSystem.layer, { excludeTestServices: true })("findKvmNode on real files", (it) => {
  it.effect("a node that opens is not absent", () =>
    Effect.gen(function* () {
      assert.isTrue(Option.isNone(yield* findKvmNode({ ...sound, node: "/dev/null" })))
    })
  )
  it.effect("a node that does not exist is", () =>
    Effect.gen(function* () {
      assert.include(
        (yield* absence({ ...sound, host: "aarch64", guest: "aarch64", node: "/dev/no-kvm" })).detail,
        "/dev/no-kvm"
      )
    })
  )
})
