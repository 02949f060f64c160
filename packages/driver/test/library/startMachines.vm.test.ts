import * as fs from "node:fs/promises"
import * as path from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import type { Event } from "@nix-vm-test/core/events/Event"
import { TestFailure } from "@nix-vm-test/core"
import { startMachines } from "@nix-vm-test/driver"

const isAlive = async (pid: number): Promise<boolean> =>
  await fs.access(`/proc/${pid}`).then(
    () => true,
    () => false
  )

let folder = ""
beforeEach(async () => {
  folder = await fs.mkdtemp("/tmp/nvtl-")
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await fs.rm(folder, { recursive: true })
})

describe("startMachines", () => {
  it("gives running machines, and leaves neither process nor file behind", async () => {
    const output = path.join(folder, "output")
    const temporary = path.join(folder, "tmp")
    await fs.mkdir(temporary)
    // Runs of other tests come and go in the usual place meanwhile.
    vi.stubEnv("TMPDIR", temporary)
    const events: Array<Event> = []
    {
      await using vms = await startMachines({
        machines: { vm: { image: "debian:12", memory: "512MiB" } },
        outputDirectory: output,
        onEvent: (event) => events.push(event)
      })
      const { vm } = vms.machines
      assert.strictEqual(await vm.succeed("echo hello"), "hello\n")
      const failure: unknown = await vm.succeed("exit 3").catch((error: unknown) => error)
      assert.instanceOf(failure, TestFailure)
      await vm.copyToHost("/etc/hostname")
      assert.deepStrictEqual(await fs.readdir(output), ["hostname"])
      assert.lengthOf(await fs.readdir(temporary), 1)
    }
    const [pid = 0] = events.flatMap((event) => (event._tag === "MachineStarting" ? [event.pid] : []))
    assert.isAbove(pid, 0)
    assert.isFalse(await isAlive(pid))
    assert.deepStrictEqual(await fs.readdir(temporary), [])
  })

  it("rejects where a folder of templates is none", async () => {
    const machines = { vm: { image: "debian:12" } } as const
    const failure: unknown = await startMachines({ machines, templates: [folder] }).catch((error: unknown) => error)
    assert.instanceOf(failure, Error)
    assert.include(failure.message, `${folder} is no template`)
  })

  it("rejects with the typed error of a specification that is wrong", async () => {
    const failure: unknown = await startMachines({ machines: { vm: { image: "debain:12" } } }).catch(
      (error: unknown) => error
    )
    assert.propertyVal(failure, "_tag", "ImageError")
    assert.include(String(failure), "debian:12")
  })
})
