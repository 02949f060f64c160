import { randomBytes } from "node:crypto"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { AgentUnderTest } from "./support/AgentUnderTest.ts"
import { agentTest } from "./support/agentTest.ts"
import { Agent, Host, parseExit, parseStat, type Stat, str, u32, u8 } from "./support/Wire.ts"

const test = agentTest()

/** What the agent mounts is its own. */
const mounting = test.extend<{ agent: AgentUnderTest }>({
  agent: async ({ binary }, use) => {
    const directory = fs.mkdtempSync(join(tmpdir(), "nvt-mounting-"))
    const command = ["unshare", "--mount", binary, "--exit-on-close", join(directory, "port")] as const
    const agent = await AgentUnderTest.startWith({ directory, command: [...command] })
    await use(agent)
    await agent.close()
  }
})

const errno = {
  ENOENT: 2,
  ENXIO: 6,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ECANCELED: 125,
  ENAMETOOLONG: 36
} as const
const kind = { file: 1, directory: 2, link: 3, other: 4 } as const
const keepOwner = 0xffff_ffff

const target = (path: string, mode = 0o644, uid = 0, gid = 0): Buffer =>
  Buffer.concat([u32(mode), u32(uid), u32(gid), str(path)])

const put = async (agent: AgentUnderTest, payload: Buffer, content: Buffer): Promise<number> => {
  const id = agent.newId()
  agent.send(Host.put, id, payload)
  const result = agent.next(id, Agent.result)
  await Promise.race([agent.feed(id, content), result])
  return (await result).payload.readInt32LE(0)
}

const stat = async (agent: AgentUnderTest, path: string, follow = false): Promise<Stat | number> => {
  const { errno: error, rest } = await agent.request(Host.stat, Buffer.concat([u8(follow ? 1 : 0), str(path)]))
  return error === 0 ? parseStat(rest, 0).stat : error
}

/** Reads STDOUT to EXIT, giving credit for everything but the first window. */
const drain = async (agent: AgentUnderTest, id: number) => {
  const chunks: Array<Buffer> = []
  for (;;) {
    const { type, payload } = await agent.next(id, Agent.stdout, Agent.exit)
    if (type === Agent.exit) {
      return { bytes: Buffer.concat(chunks), exit: parseExit(payload) }
    }
    chunks.push(payload)
    agent.send(Host.credit, id, Buffer.concat([u32(payload.length), u32(0)]))
  }
}

const get = async (agent: AgentUnderTest, path: string, window = 2 * 1024 * 1024) => {
  const id = agent.newId()
  const { errno: error, rest } = await agent.request(Host.get, Buffer.concat([u32(window), str(path)]), id)
  if (error !== 0) {
    return { error, content: undefined }
  }
  return { error, content: { stat: parseStat(rest, 0).stat, ...(await drain(agent, id)) } }
}

const list = async (agent: AgentUnderTest, path: string, window = 100_000) => {
  const id = agent.newId()
  agent.send(Host.list, id, Buffer.concat([u32(window), str(path)]))
  const { bytes, exit } = await drain(agent, id)
  const entries = new Map<string, Stat>()
  for (let at = 0; at < bytes.length;) {
    const nameEnd = at + 4 + bytes.readUInt32LE(at)
    const record = parseStat(bytes, nameEnd)
    entries.set(bytes.toString("utf8", at + 4, nameEnd), record.stat)
    at = record.end
  }
  return { entries, exit }
}

describe("PUT", () => {
  for (const size of [0, 1, 32_748, 3 * 1024 * 1024 + 1]) {
    test(`${size} bytes arrive whole, with mode and owner`, async ({ agent }) => {
      const path = join(agent.directory, "new/folders/file")
      const content = randomBytes(size)
      assert.strictEqual(await put(agent, target(path, 0o4751, 12, 34), content), 0)
      assert.isTrue(fs.readFileSync(path).equals(content))
      const { mode, uid, gid } = fs.statSync(path)
      assert.deepStrictEqual([mode & 0o7777, uid, gid], [0o4751, 12, 34])
      assert.deepStrictEqual(fs.readdirSync(join(agent.directory, "new/folders")), ["file"])
    })
  }

  test("the old content is there until the new one is complete", async ({ agent }) => {
    const path = join(agent.directory, "file")
    fs.writeFileSync(path, "old")
    const id = agent.newId()
    agent.send(Host.put, id, target(path))
    await agent.next(id, Agent.stdinCredit)
    agent.send(Host.stdin, id, Buffer.from("new"))
    await agent.request(Host.stat, Buffer.concat([u8(0), str(path)]))
    assert.strictEqual(fs.readFileSync(path, "utf8"), "old")
    agent.send(Host.stdinEof, id)
    await agent.next(id, Agent.result)
    assert.strictEqual(fs.readFileSync(path, "utf8"), "new")
  })

  test("cancelled, or dropped with its session: nothing is left", async ({ agent }) => {
    for (const end of ["kill", "session"] as const) {
      const id = agent.newId()
      agent.send(Host.put, id, target(join(agent.directory, "file")))
      await agent.next(id, Agent.stdinCredit)
      assert.lengthOf(
        fs.readdirSync(agent.directory).filter((name) => name.startsWith(".nvt-")),
        1
      )
      if (end === "kill") {
        agent.send(Host.kill, id, Buffer.concat([u8(9), u8(0)]))
        assert.strictEqual((await agent.next(id, Agent.result)).payload.readInt32LE(0), errno.ECANCELED)
        await agent.request(Host.stat, Buffer.concat([u8(0), str("/")]))
      } else {
        await agent.sync()
      }
      assert.deepStrictEqual(fs.readdirSync(agent.directory), ["port"])
    }
  })

  test("a link is replaced, not followed; an owner may be kept", async ({ agent }) => {
    const path = join(agent.directory, "link")
    fs.writeFileSync(join(agent.directory, "other"), "untouched")
    fs.symlinkSync("other", path)
    assert.strictEqual(await put(agent, target(path, 0o600, keepOwner, keepOwner), Buffer.from("x")), 0)
    assert.isTrue(fs.lstatSync(path).isFile())
    assert.strictEqual(fs.readFileSync(join(agent.directory, "other"), "utf8"), "untouched")
  })

  test("a device is written to in place", async ({ agent }) => {
    assert.strictEqual(await put(agent, target("/dev/null"), Buffer.from("x")), 0)
    assert.isTrue(fs.statSync("/dev/null").isCharacterDevice())
    assert.strictEqual(await put(agent, target("/proc/self/comm"), Buffer.from("renamed")), 0)
    assert.strictEqual(fs.readFileSync(`/proc/${agent.child.pid}/comm`, "utf8"), "renamed\n")
  })

  test("refusals", async ({ agent }) => {
    fs.writeFileSync(join(agent.directory, "file"), "")
    assert.strictEqual(await put(agent, target(agent.directory), Buffer.from("x")), errno.EISDIR)
    assert.strictEqual(await put(agent, target(join(agent.directory, "file/below")), Buffer.from("x")), errno.ENOTDIR)
    assert.strictEqual(
      await put(agent, target(`${agent.directory}/${"n".repeat(256)}`), Buffer.from("x")),
      errno.ENAMETOOLONG
    )
    assert.strictEqual(await put(agent, target(`${agent.directory}/a\0b`), Buffer.from("x")), errno.EINVAL)
    assert.strictEqual(await put(agent, target(""), Buffer.from("x")), errno.ENOENT)
  })
})

describe("GET", () => {
  for (const [size, window] of [
    [0, 1],
    [1, 1],
    [100_000, 1000],
    [5 * 1024 * 1024 + 3, 2 * 1024 * 1024]
  ] as const) {
    test(`${size} bytes in windows of ${window}`, async ({ agent }) => {
      const path = join(agent.directory, "file")
      const content = randomBytes(size)
      fs.writeFileSync(path, content, { mode: 0o640 })
      const { content: result } = await get(agent, path, window)
      assert.isTrue(result?.bytes.equals(content))
      assert.deepStrictEqual([result?.stat.kind, result?.stat.mode, result?.stat.size], [kind.file, 0o640, size])
      assert.deepStrictEqual([result?.exit.code, result?.exit.errno, result?.exit.sent], [0, 0, [size, 0]])
    })
  }

  test("a file of /proc, whose size is not known", async ({ agent }) => {
    assert.match((await get(agent, "/proc/self/status")).content?.bytes.toString() ?? "", /^Name:/u)
  })

  test("refusals", async ({ agent }) => {
    execFileSync("mkfifo", [join(agent.directory, "fifo")])
    assert.strictEqual((await get(agent, "/nope")).error, errno.ENOENT)
    assert.strictEqual((await get(agent, agent.directory)).error, errno.EISDIR)
    assert.strictEqual((await get(agent, join(agent.directory, "fifo"))).error, errno.EINVAL)
    assert.strictEqual((await get(agent, join(agent.directory, "port"))).error, errno.ENXIO)
    assert.strictEqual((await get(agent, "/dev/zero")).error, errno.EINVAL)
  })

  test("cancelled in the middle", async ({ agent }) => {
    const path = join(agent.directory, "file")
    fs.writeFileSync(path, randomBytes(100_000))
    const id = agent.newId()
    assert.strictEqual((await agent.request(Host.get, Buffer.concat([u32(10), str(path)]), id)).errno, 0)
    agent.send(Host.kill, id, Buffer.concat([u8(9), u8(0)]))
    assert.strictEqual(parseExit((await agent.next(id, Agent.exit)).payload).errno, errno.ECANCELED)
  })
})

describe("STAT", () => {
  test("every kind, and links both ways", async ({ agent }) => {
    const path = join(agent.directory, "link")
    fs.writeFileSync(join(agent.directory, "file"), "12345", { mode: 0o600 })
    fs.utimesSync(join(agent.directory, "file"), 0, 1234.5)
    fs.symlinkSync("file", path)
    const file: Stat = {
      kind: kind.file,
      mode: 0o600,
      uid: 0,
      gid: 0,
      size: 5,
      modifiedNs: 1_234_500_000_000n,
      target: ""
    }
    assert.deepStrictEqual(await stat(agent, join(agent.directory, "file")), file)
    assert.deepStrictEqual(await stat(agent, path, true), file)
    const link = await stat(agent, path)
    assert.deepInclude(link, { kind: kind.link, target: "file" })
    assert.deepInclude(await stat(agent, agent.directory), { kind: kind.directory, mode: 0o700 })
    assert.deepInclude(await stat(agent, "/dev/null"), { kind: kind.other, mode: 0o666 })
    assert.strictEqual(await stat(agent, "/nope"), errno.ENOENT)
  })
})

describe("LIST", () => {
  for (const window of [1, 50, 100_000]) {
    test(`a folder in windows of ${window}`, async ({ agent }) => {
      const folder = join(agent.directory, "folder")
      fs.mkdirSync(join(folder, "sub"), { recursive: true })
      fs.writeFileSync(join(folder, "ä file"), "123")
      fs.symlinkSync("/nowhere", join(folder, "link"))
      const { entries, exit } = await list(agent, folder, window)
      assert.deepStrictEqual([...entries.keys()].toSorted(), ["link", "sub", "ä file"])
      assert.deepInclude(entries.get("link"), { kind: kind.link, target: "/nowhere" })
      assert.deepInclude(entries.get("ä file"), { kind: kind.file, size: 3 })
      assert.strictEqual(exit.errno, 0)
    })
  }

  test("thousands of entries", async ({ agent }) => {
    const folder = join(agent.directory, "folder")
    fs.mkdirSync(folder)
    for (let index = 0; index < 3000; index++) fs.writeFileSync(join(folder, `${"n".repeat(100)}${index}`), "")
    assert.strictEqual((await list(agent, folder)).entries.size, 3000)
  })

  test("an empty folder, a file, nothing", async ({ agent }) => {
    fs.mkdirSync(join(agent.directory, "empty"))
    assert.strictEqual((await list(agent, join(agent.directory, "empty"))).entries.size, 0)
    assert.strictEqual((await list(agent, "/etc/passwd")).exit.errno, errno.ENOTDIR)
    assert.strictEqual((await list(agent, "/nope")).exit.errno, errno.ENOENT)
  })
})

describe("MKDIR", () => {
  test("makes what is missing, mode and owner for the last one, also where it exists", async ({ agent }) => {
    const path = join(agent.directory, "a/b/c")
    for (const mode of [0o700, 0o1777]) {
      assert.strictEqual((await agent.request(Host.mkdir, target(path, mode, 5, 6))).errno, 0)
      const { mode: made, uid, gid } = fs.statSync(path)
      assert.deepStrictEqual([made & 0o7777, uid, gid], [mode, 5, 6])
    }
    assert.deepStrictEqual(
      [fs.statSync(join(agent.directory, "a")).mode & 0o7777, fs.statSync(join(agent.directory, "a")).uid],
      [0o755, 0]
    )
  })

  test("not over or below a file", async ({ agent }) => {
    const file = join(agent.directory, "file")
    fs.writeFileSync(file, "")
    assert.strictEqual((await agent.request(Host.mkdir, target(file))).errno, errno.ENOTDIR)
    assert.strictEqual((await agent.request(Host.mkdir, target(join(file, "below")))).errno, errno.ENOTDIR)
  })
})

describe("SYMLINK", () => {
  test("makes, and replaces a link or file, with its folders", async ({ agent }) => {
    const path = join(agent.directory, "sub/link")
    for (const to of ["first", "second"]) {
      assert.strictEqual((await agent.request(Host.symlink, Buffer.concat([str(to), str(path)]))).errno, 0)
      assert.strictEqual(fs.readlinkSync(path), to)
    }
    fs.rmSync(path)
    fs.writeFileSync(path, "a file")
    assert.strictEqual((await agent.request(Host.symlink, Buffer.concat([str("third"), str(path)]))).errno, 0)
    assert.strictEqual(fs.readlinkSync(path), "third")
    assert.deepStrictEqual(fs.readdirSync(join(agent.directory, "sub")), ["link"])
  })

  test("not over a folder", async ({ agent }) => {
    assert.strictEqual(
      (await agent.request(Host.symlink, Buffer.concat([str("x"), str(agent.directory)]))).errno,
      errno.EISDIR
    )
    assert.deepStrictEqual(fs.readdirSync(agent.directory), ["port"])
  })
})

describe("MOUNT", () => {
  const mount = (
    path: string,
    options: { readonly type?: string; readonly readOnly?: boolean; readonly data?: string }
  ) =>
    Buffer.concat([
      u8(options.readOnly === true ? 1 : 0),
      str(options.type ?? "tmpfs"),
      str("none"),
      str(options.data ?? ""),
      str(path)
    ])

  mounting("mounts in a folder that it makes, with the options that it is given", async ({ agent }) => {
    const path = join(agent.directory, "a/b")
    const options = { readOnly: true, data: "size=64k,mode=0711" }
    assert.strictEqual((await agent.request(Host.mount, mount(path, options))).errno, 0)
    const { stdout } = await agent.exec({ command: `grep " ${path} " /proc/self/mounts; stat --format=%a ${path}` })
    assert.match(stdout.toString(), /^none \S+ tmpfs ro,\S*size=64k\S* 0 0\n711\n$/u)
    // Seen by the agent alone.
    assert.deepStrictEqual(fs.readdirSync(join(agent.directory, "a")), ["b"])
    assert.strictEqual(fs.statSync(path).mode & 0o777, 0o755)
  })

  mounting("says why not", async ({ agent }) => {
    const path = join(agent.directory, "place")
    assert.strictEqual((await agent.request(Host.mount, mount(path, { type: "nonesuch" }))).errno, errno.ENODEV)
    assert.strictEqual((await agent.request(Host.mount, mount(path, { data: "nonesuch=1" }))).errno, errno.EINVAL)
    const file = join(agent.directory, "file")
    fs.writeFileSync(file, "")
    assert.strictEqual((await agent.request(Host.mount, mount(file, {}))).errno, errno.ENOTDIR)
  })
})
