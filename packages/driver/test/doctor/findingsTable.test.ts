import { stripVTControlCharacters } from "node:util"
import type { Finding } from "@nix-vm-test/core/qemu/hostChecks"
import { findingsTable } from "@nix-vm-test/driver/doctor/findingsTable"
import { assert, it } from "@effect/vitest"

it("aligns findings, with what mends them below", () => {
  const findings: ReadonlyArray<Finding> = [
    { id: "qemu", status: "ok", title: "QEMU", detail: "10.0.2 at /usr/bin/qemu-system-x86_64" },
    { id: "imageTool", status: "missing", title: "qemu-img", detail: "not found", mend: "apt install qemu-utils" },
    { id: "memory", status: "warn", title: "memory", detail: "only 1.0 GiB available" }
  ]
  assert.strictEqual(
    stripVTControlCharacters(findingsTable(findings)),
    [
      "ok       QEMU      10.0.2 at /usr/bin/qemu-system-x86_64",
      "missing  qemu-img  not found",
      "                   → apt install qemu-utils",
      "warn     memory    only 1.0 GiB available"
    ].join("\n")
  )
})
