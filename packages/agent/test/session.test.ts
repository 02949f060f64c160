import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { release } from "node:os"
import { assert, describe } from "@effect/vitest"
import { AgentUnderTest } from "./support/AgentUnderTest.ts"
import { agentTest } from "./support/agentTest.ts"
import { Agent, execPayload, frame, Host, str, syncMark, u32, u64, u8 } from "./support/Wire.ts"

const test = agentTest()

const packageVersion =
  /"version": "(.*)"/u.exec(readFileSync(new URL("../package.json", import.meta.url), "utf8"))?.[1] ?? ""

const errno = { EINVAL: 22, ENOSYS: 38 } as const
const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8"))

describe("HELLO", () => {
  test("says who answers", async ({ agent }) => {
    const hello = await agent.sync()
    assert.deepStrictEqual([hello.version, hello.capabilities, hello.pid], [1, 3, agent.child.pid ?? 0])
    assert.deepStrictEqual(hello.strings, [
      readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
      release(),
      packageVersion
    ])
    assert.isBelow(Math.abs(Number(hello.wallClockNs / 1_000_000n) - Date.now()), 60_000)
    assert.isTrue(hello.bootClockNs > 0n)
    assert.strictEqual((await agent.sync()).sessions, hello.sessions + 1)
  })

  test("no version in common: it says so, and waits for another SYNC", async ({ agent }) => {
    assert.strictEqual((await agent.sync({ lowest: 2, highest: 9 })).version, 0)
    assert.strictEqual((await agent.sync({ lowest: 0, highest: 0 })).version, 0)
    assert.strictEqual((await agent.sync({ lowest: 0, highest: 9 })).version, 1)
    assert.strictEqual((await agent.exec("echo ok")).out, "ok\n")
  })
})

describe("a new session", () => {
  test("kills the calls of the former one and hears nothing of them", async ({ agent }) => {
    const id = agent.startExec({ command: "echo $$; exec cat /dev/urandom" })
    const started = await agent.next(id, Agent.started)
    const pid = started.payload.readUInt32LE(0)
    await agent.next(id, Agent.stdout)
    agent.socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 100))
    agent.socket.resume()
    await agent.sync()
    assert.isAbove(agent.skipped, 0)
    assert.strictEqual((await agent.finish(agent.startExec({ command: "echo mine" }, id))).out, "mine\n")
    assert.isFalse(isAlive(pid))
  })

  test("the same id at once: a late end of the old call is not the new one's", async ({ agent }) => {
    for (let turn = 0; turn < 20; turn++) {
      agent.startExec({ command: "sleep 777", timeoutMs: 60_000 }, 7)
      if (turn % 2 === 0) await agent.next(7, Agent.started)
      await agent.sync()
      const result = await agent.finish(agent.startExec({ command: `echo ${turn}; exit ${turn}` }, 7))
      assert.deepStrictEqual([result.code, result.signal, result.out], [turn, 0, `${turn}\n`])
    }
  })

  test("leaves daemons of finished calls alone", async ({ agent }) => {
    const daemon = Number((await agent.exec("sleep 777 >/dev/null 2>&1 & echo $!")).out)
    await agent.sync()
    assert.isTrue(isAlive(daemon))
    process.kill(daemon, "SIGKILL")
  })

  for (const [name, bytes] of [
    ["half a header", Buffer.of(0x7e, 0xb1, 1, 0, 1)],
    [
      "half a frame of the largest size",
      Buffer.concat([Buffer.of(0x7e, 0xb1, 1, 0), u32(1), u32(32_748), u32(0), randomBytes(5000)])
    ],
    ["half of a SYNC", syncMark.subarray(0, 9)],
    ["noise", randomBytes(100_000)]
  ] as const) {
    test(`after ${name}`, async ({ agent }) => {
      agent.sendRaw(bytes)
      await agent.sync()
      assert.strictEqual((await agent.exec("echo ok")).out, "ok\n")
    })
  }

  test("after a reconnection in the middle of everything", async ({ binary }) => {
    const agent = await AgentUnderTest.start(binary, { arguments: [] })
    const { pid } = agent.child
    for (let turn = 0; turn < 5; turn++) {
      const id = agent.startExec({ command: "cat /dev/urandom" })
      await agent.next(id, Agent.stdout)
      agent.sendRaw(agent.frameBytes({ type: Host.ping, id: 1, payload: randomBytes(60) }).subarray(0, 10 + turn))
      const accepted = agent.accept()
      agent.socket.destroy()
      await accepted
      assert.strictEqual((await agent.sync()).pid, pid)
      assert.strictEqual((await agent.exec(`echo ${turn}`)).out, `${turn}\n`)
    }
    await agent.close()
  })

  test("a SYNC that comes in single bytes", async ({ agent }) => {
    const bytes = Buffer.concat([randomBytes(40), syncMark.subarray(0, 15), syncMark])
    for (const byte of bytes.subarray(0, -16)) agent.sendRaw(Buffer.of(byte))
    await agent.sync()
    assert.strictEqual((await agent.exec("echo ok")).out, "ok\n")
  })
})

describe("requests", () => {
  test("PING gives back its bytes and the guest's state", async ({ agent }) => {
    for (const size of [0, 1, 64]) {
      const opaque = randomBytes(size)
      const id = agent.newId()
      agent.send(Host.ping, id, opaque)
      const { payload } = await agent.next(id, Agent.pong)
      assert.strictEqual(payload.length, 4 + size + 28)
      assert.isTrue(payload.subarray(4, 4 + size).equals(opaque))
      assert.isTrue(payload.readBigUInt64LE(4 + size + 20) > 0n)
    }
    assert.strictEqual((await agent.request(Host.ping, randomBytes(65))).errno, errno.EINVAL)
  })

  test("RESUMED mixes entropy in and leaves a clock of 0 alone", async ({ agent }) => {
    assert.strictEqual((await agent.request(Host.resumed, Buffer.concat([u64(0n), str(randomBytes(32))]))).errno, 0)
    assert.strictEqual((await agent.request(Host.resumed, Buffer.concat([u64(0n), str("")]))).errno, 0)
  })

  test("too short, too long or of an unknown type: an error, and the next one is answered", async ({ agent }) => {
    for (const type of [Host.put, Host.get, Host.stat, Host.mkdir, Host.symlink, Host.wait, Host.resumed, Host.mount]) {
      for (const payload of [
        Buffer.alloc(0),
        u8(1),
        Buffer.alloc(11),
        Buffer.concat([Buffer.alloc(12), u32(0xffff_ffff)]),
        Buffer.alloc(64)
      ]) {
        assert.strictEqual(
          (await agent.request(type, payload)).errno,
          errno.EINVAL,
          `type ${type} with ${payload.length} bytes`
        )
      }
    }
    for (const type of [0, 0x0d, 0x12, 0x7f, 0x82, 0xff]) {
      assert.strictEqual((await agent.request(type, Buffer.alloc(4))).errno, errno.ENOSYS)
    }
    const id = agent.newId()
    agent.send(Host.list, id, u8(1))
    assert.strictEqual((await agent.finish(id)).errno, errno.EINVAL)
    assert.strictEqual((await agent.exec("echo ok")).out, "ok\n")
  })

  test("every cut of an EXEC is refused", async ({ agent }) => {
    const whole = execPayload({ command: ["echo", "x"], env: { A: "b" }, user: "root", directory: "/" })
    for (let size = 0; size < whole.length; size++) {
      const id = agent.newId()
      agent.send(Host.exec, id, whole.subarray(0, size))
      const { code, errno: error } = await agent.finish(id)
      assert.deepStrictEqual([code, error], [-1, errno.EINVAL], `${size} bytes`)
    }
  })

  test("an id that is in use, or 0, starts nothing", async ({ agent }) => {
    const id = agent.startExec({ command: "read -r line; echo $line", stdin: true })
    await agent.next(id, Agent.stdinCredit)
    agent.startExec({ command: "echo second" }, id)
    agent.startExec({ command: "echo zero" }, 0)
    for (const expected of [/in use/u, /not a call's/u]) {
      assert.match((await agent.next(0, Agent.log)).payload.toString(), expected)
    }
    agent.send(Host.stdin, id, Buffer.from("first\n"))
    assert.strictEqual((await agent.finish(id)).out, "first\n")
  })

  test("messages to calls that are not there are ignored", async ({ agent }) => {
    for (const type of [Host.stdin, Host.stdinEof, Host.credit, Host.kill, Host.resize]) {
      agent.send(type, 4711, randomBytes(8))
    }
    assert.strictEqual((await agent.exec("echo ok")).out, "ok\n")
  })

  test("more stdin than was granted ends the session, and says why", async ({ agent }) => {
    const id = agent.startExec({ command: "sleep 777", stdin: true })
    await agent.next(id, Agent.stdinCredit)
    for (let sent = 0; sent <= 512 * 1024; sent += 32_748) agent.send(Host.stdin, id, Buffer.alloc(32_748))
    assert.match((await agent.next(0, Agent.log)).payload.toString(), /more stdin than was granted/u)
    await agent.sync()
    assert.strictEqual((await agent.exec("echo ok")).out, "ok\n")
  })

  test("a frame of another session is not acted upon", async ({ agent }) => {
    const stale = frame({
      type: Host.exec,
      id: 5,
      payload: execPayload({ command: `touch ${agent.directory}/stale` }),
      sequence: 0,
      key: 0x1234_5678
    })
    agent.sendRaw(stale)
    await agent.sync()
    await agent.exec("true")
    assert.isFalse(existsSync(`${agent.directory}/stale`))
  })
})

describe("the agent's end", () => {
  test("SIGTERM: it says goodbye and takes its calls along", async ({ agent }) => {
    const id = agent.startExec({ command: "sleep 777" })
    const pid = (await agent.next(id, Agent.started)).payload.readUInt32LE(0)
    const bye = agent.next(0, Agent.bye)
    agent.child.kill("SIGTERM")
    assert.strictEqual((await bye).payload.readUInt8(0), 0)
    if (agent.isRunning) await once(agent.child, "exit")
    assert.strictEqual(agent.child.exitCode, 0)
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
  })

  test("it waits for its port, as long as that takes", async ({ binary }) => {
    const agent = await AgentUnderTest.start(binary, { arguments: [] })
    const before = readFileSync(`/proc/${agent.child.pid}/stat`, "utf8").split(" ").slice(13, 15).map(Number)
    await agent.exec("sleep 0.5")
    const after = readFileSync(`/proc/${agent.child.pid}/stat`, "utf8").split(" ").slice(13, 15).map(Number)
    const ticks = after.reduce((sum, value) => sum + value, 0) - before.reduce((sum, value) => sum + value, 0)
    assert.isBelow(ticks, 10, "it must not spin while nothing happens")
    await agent.close()
  })
})
