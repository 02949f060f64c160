import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@nix-vm-test/core/events/Event"
import { TestFailure } from "@nix-vm-test/core"
import { startMachines } from "@nix-vm-test/driver"

const runFolders = async (): Promise<ReadonlyArray<string>> =>
  (await fs.readdir(os.tmpdir())).filter((name) => /^nvt-\w{6}$/u.test(name))

const isAlive = async (pid: number): Promise<boolean> =>
  await fs.access(`/proc/${pid}`).then(
    () => true,
    () => false
  )

describe("startMachines", () => {
  it("gives running machines, and leaves neither process nor file behind", async () => {
    const before = await runFolders()
    const events: Array<Event> = []
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), "nvt-library-"))
    {
      await using vms = await startMachines({
        machines: { vm: { image: "debian:12", memory: "512MiB" } },
        outputDirectory: folder,
        onEvent: (event) => events.push(event)
      })
      const { vm } = vms.machines
      assert.strictEqual(await vm.succeed("echo hello"), "hello\n")
      const failure: unknown = await vm.succeed("exit 3").catch((error: unknown) => error)
      assert.instanceOf(failure, TestFailure)
      await vm.copyToHost("/etc/hostname")
      assert.deepStrictEqual(await fs.readdir(folder), ["hostname"])
    }
    await fs.rm(folder, { recursive: true })
    const [pid = 0] = events.flatMap((event) => (event._tag === "MachineStarting" ? [event.pid] : []))
    assert.isAbove(pid, 0)
    assert.isFalse(await isAlive(pid))
    assert.deepStrictEqual(
      (await runFolders()).filter((name) => !before.includes(name)),
      []
    )
  })

  it("rejects with the typed error of a specification that is wrong", async () => {
    const failure: unknown = await startMachines({ machines: { vm: { image: "debain:12" } } }).catch(
      (error: unknown) => error
    )
    assert.propertyVal(failure, "_tag", "ImageError")
    assert.include(String(failure), "debian:12")
  })
})
