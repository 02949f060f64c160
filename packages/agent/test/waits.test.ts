import { once } from "node:events"
import * as fs from "node:fs"
import { type AddressInfo, createServer, type Server } from "node:net"
import { hostname } from "node:os"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import type { AgentUnderTest } from "./support/AgentUnderTest.ts"
import { agentTest } from "./support/agentTest.ts"
import { Agent, Host, str, u16, u32, u8 } from "./support/Wire.ts"

const test = agentTest()

const kind = { tcpOpen: 1, tcpClosed: 2, unixStream: 3, unixDatagram: 4, pathExists: 5, pathAbsent: 6 } as const
const errno = {
  OK: 0,
  ENOENT: 2,
  ENXIO: 6,
  EEXIST: 17,
  EINVAL: 22,
  EISCONN: 106,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  ECANCELED: 125
} as const

interface Wait {
  readonly kind: number
  readonly subject: string
  readonly port?: number
  readonly intervalMs?: number
  readonly timeoutMs?: number
}

const waitPayload = (wait: Wait): Buffer =>
  Buffer.concat([
    u8(wait.kind),
    u8(0),
    u16(wait.port ?? 0),
    u32(wait.intervalMs ?? 10),
    u32(wait.timeoutMs ?? 0),
    str(wait.subject)
  ])

const wait = async (agent: AgentUnderTest, options: Wait) => {
  const { errno: error, rest } = await agent.request(Host.wait, waitPayload(options))
  return { errno: error, last: rest.readInt32LE(0), tries: rest.readUInt32LE(4) }
}

const listen = async (...where: readonly [string] | readonly [number, string]): Promise<Server> => {
  const server = createServer((socket) => socket.on("error", () => {}))
  const [first, host] = where
  server.listen(typeof first === "number" ? { port: first, host } : { path: first })
  await once(server, "listening")
  return server
}

const portOf = (server: Server): number => {
  const address: AddressInfo | string | null = server.address()
  if (address === null || typeof address === "string") throw new Error("not a TCP server")
  return address.port
}

const freePort = async (): Promise<number> => {
  const server = await listen(0, "127.0.0.1")
  const port = portOf(server)
  server.close()
  await once(server, "close")
  return port
}

const longTime = 60_000

describe("WAIT for TCP", () => {
  for (const [address, name] of [
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", "localhost"],
    ["::1", "::1"],
    ["::1", "localhost"]
  ] as const) {
    test(`open: ${name}, served on ${address}`, async ({ agent }) => {
      const server = await listen(0, address)
      assert.deepStrictEqual(await wait(agent, { kind: kind.tcpOpen, subject: name, port: portOf(server) }), {
        errno: 0,
        last: 0,
        tries: 1
      })
      assert.deepStrictEqual(await wait(agent, { kind: kind.tcpClosed, subject: name, port: portOf(server) }), {
        errno: errno.ETIMEDOUT,
        last: errno.EISCONN,
        tries: 1
      })
      server.close()
    })
  }

  test("a name of the hosts file", async ({ agent }) => {
    const isListed = fs.readFileSync("/etc/hosts", "utf8").split(/\s+/u).includes(hostname())
    const name = isListed ? hostname() : "localhost.localdomain"
    const server = await listen(0, "::")
    const result = await wait(agent, { kind: kind.tcpOpen, subject: name, port: portOf(server), timeoutMs: 300 })
    assert.isTrue(result.errno === 0 || result.last === errno.ENXIO)
    server.close()
  })

  test("a name that nobody knows is no address, and other calls go on meanwhile", async ({ agent }) => {
    const id = agent.newId()
    agent.send(
      Host.wait,
      id,
      waitPayload({ kind: kind.tcpOpen, subject: "no-such-host.invalid", port: 1, timeoutMs: longTime })
    )
    assert.strictEqual((await agent.exec("echo on")).out, "on\n")
    agent.send(Host.kill, id, Buffer.concat([u8(9), u8(0)]))
    assert.strictEqual((await agent.next(id, Agent.result)).payload.readInt32LE(0), errno.ECANCELED)
  })

  test("opens later", async ({ agent }) => {
    const port = await freePort()
    const answer = wait(agent, { kind: kind.tcpOpen, subject: "127.0.0.1", port, timeoutMs: longTime })
    await agent.exec("sleep 0.1")
    const server = await listen(port, "127.0.0.1")
    const result = await answer
    assert.deepStrictEqual([result.errno, result.last], [0, 0])
    assert.isAbove(result.tries, 1)
    server.close()
  })

  test("closes later", async ({ agent }) => {
    const server = await listen(0, "127.0.0.1")
    const answer = wait(agent, {
      kind: kind.tcpClosed,
      subject: "127.0.0.1",
      port: portOf(server),
      timeoutMs: longTime
    })
    await agent.exec("sleep 0.1")
    server.close()
    assert.strictEqual((await answer).errno, 0)
  })

  test("refused until the time is over", async ({ agent }) => {
    const result = await wait(agent, {
      kind: kind.tcpOpen,
      subject: "127.0.0.1",
      port: await freePort(),
      timeoutMs: 100
    })
    assert.deepStrictEqual([result.errno, result.last], [errno.ETIMEDOUT, errno.ECONNREFUSED])
    assert.isAbove(result.tries, 1)
  })
})

describe("WAIT for sockets", () => {
  test("stream: nothing, a file, a listener, a dead one", async ({ agent }) => {
    const path = join(agent.directory, "socket")
    const stream = { kind: kind.unixStream, subject: path }
    assert.strictEqual((await wait(agent, stream)).last, errno.ENOENT)
    fs.writeFileSync(path, "")
    assert.strictEqual((await wait(agent, stream)).last, errno.ECONNREFUSED)
    fs.rmSync(path)
    const server = await listen(path)
    assert.deepStrictEqual(await wait(agent, stream), { errno: 0, last: 0, tries: 1 })
    server.close()
  })

  test("datagram", async ({ agent }) => {
    const path = join(agent.directory, "socket")
    const id = agent.startExec({
      command: [
        "python3",
        "-c",
        `import socket,time; s=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("${path}"); time.sleep(60)`
      ]
    })
    assert.strictEqual((await wait(agent, { kind: kind.unixDatagram, subject: path, timeoutMs: longTime })).errno, 0)
    assert.notStrictEqual((await wait(agent, { kind: kind.unixStream, subject: path })).last, 0)
    agent.send(Host.kill, id, Buffer.concat([u8(9), u8(0)]))
    await agent.finish(id)
  })

  test("a path that is too long for a socket", async ({ agent }) => {
    assert.strictEqual((await wait(agent, { kind: kind.unixStream, subject: `/${"x".repeat(200)}` })).last, 36)
  })
})

describe("WAIT for paths", () => {
  test("one try each", async ({ agent }) => {
    const missing = join(agent.directory, "missing")
    assert.deepStrictEqual(await wait(agent, { kind: kind.pathExists, subject: agent.directory }), {
      errno: 0,
      last: 0,
      tries: 1
    })
    assert.deepStrictEqual(await wait(agent, { kind: kind.pathExists, subject: missing }), {
      errno: errno.ETIMEDOUT,
      last: errno.ENOENT,
      tries: 1
    })
    assert.deepStrictEqual(await wait(agent, { kind: kind.pathAbsent, subject: missing }), {
      errno: 0,
      last: 0,
      tries: 1
    })
    assert.deepStrictEqual(await wait(agent, { kind: kind.pathAbsent, subject: agent.directory }), {
      errno: errno.ETIMEDOUT,
      last: errno.EEXIST,
      tries: 1
    })
  })

  test("comes and goes", async ({ agent }) => {
    const path = join(agent.directory, "path")
    const comes = wait(agent, { kind: kind.pathExists, subject: path, timeoutMs: longTime })
    await agent.exec(`sleep 0.05; touch ${path}`)
    assert.strictEqual((await comes).errno, 0)
    const goes = wait(agent, { kind: kind.pathAbsent, subject: path, timeoutMs: longTime })
    await agent.exec(`rm ${path}`)
    assert.strictEqual((await goes).errno, 0)
  })

  test("a kind that does not exist", async ({ agent }) => {
    for (const unknown of [0, 7, 255]) {
      assert.strictEqual(
        (await agent.request(Host.wait, waitPayload({ kind: unknown, subject: "/" }))).errno,
        errno.EINVAL
      )
    }
  })
})
