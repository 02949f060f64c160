import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { prefixBytes } from "@nix-vm-test/core/net/EthernetFrame"
import { makeNetworkSwitch, type NetworkSwitch } from "@nix-vm-test/core/net/NetworkSwitch"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const broadcast = 0xff

const frame = (to: number, from: number, tag: number): Buffer => {
  const bytes = Buffer.alloc(prefixBytes + 60)
  bytes.writeUInt32BE(60, 0)
  bytes.fill(to === broadcast ? 0xff : 0, prefixBytes, prefixBytes + 6)
  if (to !== broadcast) bytes.set([0x52, 0x54, 0, 0x12, 1, to], prefixBytes)
  bytes.set([0x52, 0x54, 0, 0x12, 1, from], prefixBytes + 6)
  bytes[bytes.length - 1] = tag
  return bytes
}

const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "nvt-net-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

interface Nic {
  readonly send: (bytes: Uint8Array) => void
  readonly tags: () => ReadonlyArray<number>
  /** Ends the connection, as a QEMU does that ends, and waits for the next one. */
  readonly reconnect: Effect.Effect<void>
}

/** Listens as QEMU does for one NIC, one connection at a time; done when the switch has connected. */
const listen = (socket: string): Effect.Effect<Nic, never, Scope.Scope> =>
  Effect.gen(function* () {
    let current: net.Socket | undefined
    let received = Buffer.alloc(0)
    let arrived: (() => void) | undefined
    const next = () =>
      Effect.callback<void>((resume) => {
        arrived = () => resume(Effect.void)
      })
    const server = net.createServer((connection) => {
      current = connection
      connection.on("data", (chunk) => {
        received = Buffer.concat([received, chunk])
      })
      connection.on("error", () => {})
      arrived?.()
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => server.listen(socket)),
      () =>
        Effect.sync(() => {
          current?.destroy()
          server.close()
        })
    )
    yield* next()
    return {
      send: (bytes) => current?.write(bytes),
      tags: () => {
        const tags: Array<number> = []
        for (let at = 0; at + prefixBytes + 60 <= received.length; at += prefixBytes + 60) {
          tags.push(received[at + prefixBytes + 59] ?? -1)
        }
        return tags
      },
      reconnect: Effect.suspend(() => {
        current?.destroy()
        return next()
      })
    }
  })

const waitUntil = (what: () => boolean) =>
  Effect.gen(function* () {
    while (!what()) yield* Effect.sleep("5 millis")
  })

/** A network of two NICs whose addresses are known to the switch. */
const twoNics = Effect.gen(function* () {
  const directory = yield* folder
  const outOfStep: Array<string> = []
  const ethernet = yield* makeNetworkSwitch({
    onOutOfStep: (network, port, detail) => outOfStep.push(`${network} ${port} ${detail}`)
  })
  yield* ethernet.order({ _tag: "AddNetwork", network: "lan", seed: 1 })
  yield* Effect.forEach(["a", "b"], (port) =>
    ethernet.order({ _tag: "AddPort", network: "lan", port, socket: path.join(directory, port) })
  )
  const [a, b] = yield* Effect.all([listen(path.join(directory, "a")), listen(path.join(directory, "b"))], {
    concurrency: "unbounded"
  })
  yield* waitUntilConnected(ethernet, 2)
  a.send(frame(broadcast, 1, 101))
  yield* waitUntil(() => b.tags().includes(101))
  b.send(frame(broadcast, 2, 102))
  yield* waitUntil(() => a.tags().includes(102))
  return { directory, ethernet, a, b, outOfStep }
})

/** QEMU's end may have accepted before the switch knows that it is connected. */
const waitUntilConnected = Effect.fnUntraced(function* (ethernet: NetworkSwitch, count: number) {
  while ((yield* ethernet.statistics).filter(({ connected }) => connected).length < count) {
    yield* Effect.sleep("5 millis")
  }
})

describe("NetworkSwitch", () => {
  it.live("carries frames between two sockets and counts them", () =>
    Effect.gen(function* () {
      const { ethernet, a, b } = yield* twoNics
      a.send(Buffer.concat([frame(2, 1, 1), frame(2, 1, 2)]))
      yield* waitUntil(() => b.tags().length === 3)
      assert.deepStrictEqual(b.tags(), [101, 1, 2])
      const statistics = yield* ethernet.statistics
      assert.deepInclude(
        statistics.find(({ port }) => port === "a"),
        { framesIn: 3, framesOut: 1, bytesIn: 180 }
      )
      assert.deepInclude(
        statistics.find(({ port }) => port === "b"),
        { framesIn: 1, framesOut: 3 }
      )
    }).pipe(Effect.scoped)
  )

  it.live("connects a NIC again whose QEMU starts anew, and keeps what it counted", () =>
    Effect.gen(function* () {
      const { ethernet, a, b } = yield* twoNics
      yield* b.reconnect
      yield* waitUntilConnected(ethernet, 2)
      a.send(frame(2, 1, 5))
      yield* waitUntil(() => b.tags().includes(5))
      const statistics = yield* ethernet.statistics
      assert.deepInclude(
        statistics.find(({ port }) => port === "b"),
        { framesOut: 2 }
      )
    }).pipe(Effect.scoped)
  )

  it.live("keeps the two ends of a blocked link apart until it is healed", () =>
    Effect.gen(function* () {
      const { ethernet, a, b } = yield* twoNics
      const link = { network: "lan", from: "a", to: "b" }
      yield* ethernet.order({ _tag: "Block", blocked: true, ...link })
      a.send(frame(2, 1, 1))
      b.send(frame(1, 2, 2))
      yield* waitUntil(() => a.tags().includes(2))
      yield* ethernet.order({ _tag: "Block", blocked: false, ...link })
      a.send(frame(2, 1, 3))
      yield* waitUntil(() => b.tags().includes(3))
      assert.notInclude(b.tags(), 1)
      const statistics = yield* ethernet.statistics
      assert.deepInclude(
        statistics.find(({ port }) => port === "b"),
        { droppedPartition: 1 }
      )
    }).pipe(Effect.scoped)
  )

  it.live("impairs a link with the seed's own verdicts", () =>
    Effect.gen(function* () {
      const passed = Effect.gen(function* () {
        const { ethernet, a, b } = yield* twoNics
        const link = { network: "lan", from: "a", to: "b" }
        yield* ethernet.order({ _tag: "Impair", impairment: { loss: 0.5 }, ...link })
        for (let tag = 1; tag <= 50; tag++) a.send(frame(2, 1, tag))
        const seen = (count: number) =>
          Effect.gen(function* () {
            while (((yield* ethernet.statistics).find(({ port }) => port === "a")?.framesIn ?? 0) < count) {
              yield* Effect.sleep("5 millis")
            }
          })
        yield* seen(51)
        yield* ethernet.order({ _tag: "Impair", impairment: undefined, ...link })
        a.send(frame(2, 1, 99))
        yield* waitUntil(() => b.tags().includes(99))
        return b.tags().filter((tag) => tag <= 50)
      }).pipe(Effect.scoped)
      const first = yield* passed
      assert.isAbove(first.length, 10)
      assert.isBelow(first.length, 40)
      assert.deepStrictEqual(yield* passed, first)
    })
  )

  it.live("tells of a NIC that sends no frames, and goes on with it anew", () =>
    Effect.gen(function* () {
      const { ethernet, a, b, outOfStep } = yield* twoNics
      a.send(Buffer.alloc(100, 0xff))
      yield* waitUntil(() => outOfStep.length > 0)
      assert.deepStrictEqual(outOfStep, ["lan a a frame of 4294967295 bytes"])
      yield* waitUntilConnected(ethernet, 2)
      b.send(frame(broadcast, 2, 7))
      yield* waitUntil(() => a.tags().includes(7))
    }).pipe(Effect.scoped)
  )

  it.live("captures what passes, once a frame, with the ports' names", () =>
    Effect.gen(function* () {
      const { directory, ethernet, a, b } = yield* twoNics
      const file = path.join(directory, "capture.pcapng")
      yield* ethernet.order({ _tag: "StartCapture", network: "lan", file })
      a.send(frame(2, 1, 1))
      yield* waitUntil(() => b.tags().includes(1))
      b.send(frame(1, 2, 2))
      yield* waitUntil(() => a.tags().includes(2))
      yield* ethernet.order({ _tag: "StopCapture", network: "lan", file })
      const bytes = fs.readFileSync(file)
      const blocks: Array<{ readonly type: number; readonly body: Buffer }> = []
      for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
        const length = bytes.readUInt32LE(at + 4)
        assert.strictEqual(bytes.readUInt32LE(at + length - 4), length)
        blocks.push({ type: bytes.readUInt32LE(at), body: bytes.subarray(at + 8, at + length - 4) })
      }
      assert.deepStrictEqual(
        blocks.map(({ type }) => type),
        [0x0a0d0d0a, 1, 6, 1, 6]
      )
      assert.include(blocks[1]?.body.toString("latin1"), "a")
      const packets = blocks.filter(({ type }) => type === 6).map(({ body }) => body.subarray(20, 80))
      assert.deepStrictEqual(packets, [frame(2, 1, 1).subarray(4), frame(1, 2, 2).subarray(4)])
    }).pipe(Effect.scoped)
  )

  it.live("refuses an order for a machine that is in no such network", () =>
    Effect.gen(function* () {
      const { ethernet } = yield* twoNics
      const error = yield* Effect.flip(
        ethernet.order({ _tag: "Block", blocked: true, network: "lan", from: "a", to: "c" })
      )
      assert.strictEqual(error.message, "the switch refused Block: no machine c is in this network")
    }).pipe(Effect.scoped)
  )
})
