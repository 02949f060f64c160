import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { agentDisk } from "@nix-vm-test/agent/AgentDisk"
import {
  agentDeviceUnit,
  agentPortName,
  agentStartScript,
  agentUnit,
  installedAgentUnit
} from "@nix-vm-test/agent/AgentUnit"
import { assert, describe } from "@effect/vitest"
import { test as base } from "vitest"

const run = promisify(execFile)

/** systemd's own rule for the name of a device unit. */
const escapePath = (path: string): string =>
  Array.from(path.slice(1))
    .map((char) =>
      char === "/" ? "-" : /[A-Za-z0-9:_.]/u.test(char) ? char : String.raw`\x${char.charCodeAt(0).toString(16)}`
    )
    .join("")

/** A guest's folders for the start script, with a program that says how it was called. */
const test = base.extend<{
  guest: {
    readonly root: string
    readonly attach: (disk: Uint8Array) => void
    readonly start: (env?: NodeJS.ProcessEnv) => Promise<string>
  }
}>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the needed fixtures from the pattern
  guest: async ({}, use) => {
    const root = mkdtempSync(join(tmpdir(), "nvt-unit-"))
    for (const folder of ["sys/block/vda", "sys/block/vdb", "sys/block/vdc", "dev/shm", "var/lib"])
      mkdirSync(join(root, folder), { recursive: true })
    writeFileSync(join(root, "sys/block/vda/serial"), "other")
    const script = agentStartScript
      .replaceAll(/(?<![\w/])\/(sys|dev|var)\//gu, `${root}/$1/`)
      .replaceAll("sleep 1", ":")
      .replaceAll(`${root}/dev/null`, "/dev/null")
    await use({
      root,
      attach: (disk) => {
        // Without a line feed, as the kernel gives it.
        writeFileSync(join(root, "sys/block/vdb/serial"), "nvtagent")
        writeFileSync(join(root, "dev/vdb"), disk)
      },
      start: async (env = process.env) => (await run("sh", ["-c", script], { env })).stdout
    })
    rmSync(root, { recursive: true, force: true })
  }
})

const program = Buffer.from(`#!/bin/sh\necho "$0 $*"\nexit 0\n${"#".repeat(5000)}\n`)
const sha256 = createHash("sha256").update(program).digest("hex")
const disk = agentDisk({ bytes: program, sha256 })

describe("the start script", () => {
  test("takes the program from the disk with the serial number, and starts it", async ({ guest }) => {
    guest.attach(disk)
    const path = join(guest.root, `var/lib/nix-vm-test/agent-${sha256}`)
    assert.strictEqual(await guest.start(), `${path} --port-name ${agentPortName}\n`)
    assert.isTrue(readFileSync(path).equals(program))
    assert.deepStrictEqual(readdirSync(join(guest.root, "var/lib/nix-vm-test")), [`agent-${sha256}`])
  })

  test("does not copy it again, and leaves an older one alone", async ({ guest }) => {
    guest.attach(disk)
    await guest.start()
    const path = join(guest.root, `var/lib/nix-vm-test/agent-${sha256}`)
    const before = statSync(path).ino
    writeFileSync(join(guest.root, "var/lib/nix-vm-test/agent-old"), "")
    await guest.start()
    assert.strictEqual(statSync(path).ino, before)
    assert.isTrue(existsSync(join(guest.root, "var/lib/nix-vm-test/agent-old")))
  })

  test("a root that can't be written: in memory", async ({ guest }) => {
    guest.attach(disk)
    rmSync(join(guest.root, "var/lib"), { recursive: true })
    writeFileSync(join(guest.root, "var/lib"), "no folder")
    assert.strictEqual(
      await guest.start(),
      `${join(guest.root, `dev/shm/nix-vm-test/agent-${sha256}`)} --port-name ${agentPortName}\n`
    )
  })

  test("no disk, or one that is something else: an error that says so", async ({ guest }) => {
    const failure = async () =>
      guest.start().then(
        () => "",
        (error: unknown) => String(error)
      )
    assert.match(await failure(), /no disk with the serial number nvtagent/u)
    guest.attach(Buffer.alloc(1024))
    assert.match(await failure(), /vdb is not an agent disk/u)
  })

  test("under SELinux the file gets the label of a program", async ({ guest }) => {
    guest.attach(disk)
    mkdirSync(join(guest.root, "sys/fs/selinux"), { recursive: true })
    writeFileSync(join(guest.root, "sys/fs/selinux/enforce"), "1")
    mkdirSync(join(guest.root, "bin"))
    writeFileSync(join(guest.root, "bin/chcon"), `#!/bin/sh\necho "$*" >${guest.root}/chcon\n`)
    chmodSync(join(guest.root, "bin/chcon"), 0o755)
    await guest.start({ PATH: `${guest.root}/bin:${process.env["PATH"]}` })
    assert.strictEqual(
      readFileSync(join(guest.root, "chcon"), "utf8"),
      `-t bin_t ${guest.root}/var/lib/nix-vm-test/agent-${sha256}\n`
    )
  })
})

describe("the unit", () => {
  const { name, text } = agentUnit()
  const valueIn = (unit: string, key: string): ReadonlyArray<string> =>
    [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gmu"))].map(([, found = ""]) => found)
  const value = (key: string): ReadonlyArray<string> => valueIn(text, key)

  base("waits for the port's device by the name that systemd gives it", () => {
    assert.strictEqual(agentDeviceUnit, `${escapePath(`/dev/virtio-ports/${agentPortName}`)}.device`)
    assert.deepStrictEqual(value("BindsTo"), [agentDeviceUnit])
    assert.include(value("After")[0], agentDeviceUnit)
    assert.strictEqual(name, "nix-vm-test-agent.service")
  })

  base("of an image with the port's driver in its initrd does not wait for udev", () => {
    const installed = installedAgentUnit()
    assert.strictEqual(installed.name, name)
    assert.notInclude(installed.text, agentDeviceUnit)
    assert.deepStrictEqual(valueIn(installed.text, "ConditionPathExistsGlob"), ["/sys/class/virtio-ports/*"])
    assert.deepStrictEqual(valueIn(installed.text, "ExecStart"), value("ExecStart"))
  })

  base("comes after the boot has cleared what a test may write to", () => {
    for (const unit of [text, installedAgentUnit().text]) {
      assert.include(valueIn(unit, "After").join(" "), "systemd-tmpfiles-setup.service")
    }
  })

  base("its command is the script once systemd has expanded $ and %", () => {
    const [command = ""] = value("ExecStart")
    const word = /^\/bin\/sh -c '([^']*)'$/u.exec(command)?.[1] ?? ""
    assert.notMatch(word.replaceAll("$$", "").replaceAll("%%", ""), /[$%\\]/u)
    assert.strictEqual(word.replaceAll("$$", "$").replaceAll("%%", "%"), agentStartScript)
  })
})
