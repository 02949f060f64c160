import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import type { MachinePlan } from "@nix-vm-test/core/plan/MachinePlan"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { host, planOne, storedImage } from "./examples.ts"

/** Starts QEMU with the machine's arguments; it stops before the guest's first instruction. */
const start = async (machine: MachinePlan) => {
  const qmp = ["-qmp", `unix:${machine.sockets.qmp},server=on,wait=off`]
  const qemu = spawn("qemu-system-x86_64", [...machine.argv, ...qmp], { stdio: ["ignore", "ignore", "pipe"] })
  let stderr = ""
  qemu.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()))
  const exited = once(qemu, "exit")
  while (!fs.existsSync(machine.sockets.qmp)) {
    if (qemu.exitCode !== null) throw new Error(`QEMU refused its arguments:\n${stderr}`)
    await sleep(20)
  }
  const socket = net.createConnection(machine.sockets.qmp)
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]()
  const answer = async () => JSON.parse((await answers.next()).value ?? "{}")
  await answer()
  const execute = async (command: string, args: object = {}) => {
    socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`)
    return answer()
  }
  await execute("qmp_capabilities")
  return {
    execute,
    stop: async () => {
      socket.write(`{"execute":"quit"}\n`)
      const [code] = await exited
      return { code, stderr }
    }
  }
}

/** The files that a run would make. */
const makeFiles = (machine: MachinePlan, agentDisk: string) => {
  fs.writeFileSync(agentDisk, "")
  fs.truncateSync(agentDisk, 65_536)
  fs.writeFileSync(machine.disk.image.path, "")
  fs.truncateSync(machine.disk.image.path, machine.disk.image.virtualSize)
  execFileSync("qemu-img", [
    "create",
    "-q",
    "-f",
    "qcow2",
    "-b",
    machine.disk.image.path,
    "-F",
    "raw",
    machine.disk.overlay
  ])
  for (const { path: disk, bytes } of machine.extraDisks) {
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", disk, String(bytes)])
  }
  if (machine.entry.strategy === "nocloud") fs.copyFileSync(agentDisk, machine.entry.path)
}

const withDirectory = async (use: (directory: string) => Promise<void>) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "nvt-"))
  try {
    await use(directory)
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}

describe("QEMU's command line", () => {
  it("is accepted by QEMU, with every device in its place", () =>
    withDirectory(async (directory) => {
      const share = path.join(directory, "a,b")
      fs.mkdirSync(share)
      const agentDisk = path.join(directory, "agent.raw")
      const machine = Result.getOrThrow(
        planOne(
          {
            cpus: 2,
            networks: ["lan", "wan"],
            shares: { src: { source: share, target: "/mnt", readOnly: true } },
            disks: { data: { size: "1MiB" } }
          },
          {
            networks: { lan: {}, wan: { mtu: 9000 } },
            image: storedImage({ entry: "nocloud", path: path.join(directory, "image.raw"), format: "raw" }),
            runDirectory: directory,
            agentDisk
          }
        )
      )
      makeFiles(machine, agentDisk)
      const qemu = await start(machine)
      const { return: status } = await qemu.execute("query-status")
      const { return: blocks } = await qemu.execute("query-block")
      const { return: cpus } = await qemu.execute("query-cpus-fast")
      for (const { socket } of machine.nics) assert.isTrue(fs.statSync(socket).isSocket(), socket)
      const { code, stderr } = await qemu.stop()
      assert.strictEqual(status.status, "prelaunch")
      assert.strictEqual(cpus.length, 2)
      assert.deepStrictEqual(
        blocks.map((block: { device: string; inserted: { ro: boolean } }) => [block.device, block.inserted.ro]),
        [
          ["root", false],
          ["agentdisk", true],
          ["seed", true],
          ["disk1", false]
        ]
      )
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    }))

  it.each(["credential", "tmpfiles"] as const)(
    "is accepted with the agent's entry by %s, and as many devices as are allowed",
    (entry) =>
      withDirectory(async (directory) => {
        const agentDisk = path.join(directory, "agent.raw")
        const machine = Result.getOrThrow(
          planOne(
            { disks: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`disk${index}`, { size: "1MiB" }])) },
            {
              image: storedImage({ entry, path: path.join(directory, "image.raw"), format: "raw" }),
              host: host({ sandbox: false }),
              runDirectory: directory,
              agentDisk
            }
          )
        )
        makeFiles(machine, agentDisk)
        const qemu = await start(machine)
        const added = await qemu.execute("device_add", { driver: "virtio-rng-pci", id: "hotplugged" })
        const { code, stderr } = await qemu.stop()
        assert.isUndefined(added.error, "no slot is left for a device that is plugged in later")
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      })
  )
})
