import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { firstComplaint } from "@nix-vm-test/core/qemu/firstComplaint"
import { arm64Payload } from "@nix-vm-test/core/qemu/arm64Payload"
import { judge, probeDeadlineMs } from "@nix-vm-test/core/qemu/KvmProbe"
import { x86Payload } from "@nix-vm-test/core/qemu/x86Payload"

const ended = (
  code: number | undefined,
  options: { readonly signal?: NodeJS.Signals; readonly stderr?: string } = {}
) => ({
  exit: Option.some({ code, signal: options.signal }),
  stdout: "",
  stderr: options.stderr ?? ""
})

describe("judge", () => {
  it("only the payload's own status is success", () => {
    assert.deepStrictEqual(judge(x86Payload, ended(43), 2000), { _tag: "Usable" })
    for (const code of [0, 1, 42, 45, 124, 134, 171])
      assert.strictEqual(judge(x86Payload, ended(code), 2000)._tag, "Broken")
  })
  it("on arm64 a power-off alone is no success", () => {
    const off = (stdout: string) => judge(arm64Payload, { ...ended(0), stdout }, 2000)._tag
    assert.strictEqual(off("nvt-kvm-ok\n"), "Usable")
    assert.strictEqual(off(""), "Broken")
    assert.strictEqual(off("nvt-kv"), "Broken")
    assert.strictEqual(judge(arm64Payload, { ...ended(1), stdout: "nvt-kvm-ok\n" }, 2000)._tag, "Broken")
  })
  it("says what was seen, and QEMU's first complaint", () => {
    const stderr =
      "qemu-system-x86_64: warning: odd\nqemu-system-x86_64: error: failed to set MSR 0x10a to 0x69\nassertion\n"
    assert.deepStrictEqual(judge(x86Payload, ended(undefined, { signal: "SIGABRT", stderr }), 2000), {
      _tag: "Broken",
      seen: "the probe ended QEMU by SIGABRT: error: failed to set MSR 0x10a to 0x69"
    })
    assert.deepStrictEqual(judge(x86Payload, { exit: Option.none(), stdout: "", stderr: "" }, 2500), {
      _tag: "Broken",
      seen: "the probe did not end within 2.5 s"
    })
  })
})

describe("firstComplaint", () => {
  it("is nothing where there are only warnings", () => {
    assert.isUndefined(firstComplaint(""))
    assert.isUndefined(firstComplaint("\nqemu-system-x86_64: warning: host doesn't support requested feature\n"))
  })
})

describe("probeDeadlineMs", () => {
  it("grows with the load, within limits", () => {
    assert.strictEqual(probeDeadlineMs({ loadAverage: 0, processors: 4 }), 2000)
    assert.strictEqual(probeDeadlineMs({ loadAverage: 4, processors: 4 }), 2000)
    assert.strictEqual(probeDeadlineMs({ loadAverage: 8, processors: 4 }), 4000)
    assert.strictEqual(probeDeadlineMs({ loadAverage: 400, processors: 4 }), 10_000)
  })
})
