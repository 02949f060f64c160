import { assert, describe, it } from "@effect/vitest"
import { prefixBytes } from "@nix-vm-test/core/net/EthernetFrame"
import { EthernetSwitch, type SwitchOptions, type SwitchPort } from "@nix-vm-test/core/net/EthernetSwitch"

const broadcast = 0xff

/** A frame to and from machines of these numbers, told apart by its tag. */
const frame = (to: number, from: number, tag = 0, size = 60): Buffer => {
  const bytes = Buffer.alloc(prefixBytes + size)
  bytes.writeUInt32BE(size, 0)
  bytes.fill(to === broadcast ? 0xff : 0, prefixBytes, prefixBytes + 6)
  if (to !== broadcast) bytes.set([0x52, 0x54, 0, 0x12, 1, to], prefixBytes)
  bytes.set([0x52, 0x54, 0, 0x12, 1, from], prefixBytes + 6)
  bytes[bytes.length - 1] = tag
  return bytes
}

/** A network of machines, numbered from 1, that keep what they get. */
const network = (count: number, options: SwitchOptions = {}) => {
  const ethernet = new EthernetSwitch(options)
  const got: Array<Array<Uint8Array>> = []
  const ports: Array<SwitchPort> = []
  let queued = 0
  for (let index = 0; index < count; index++) {
    const port = ethernet.addPort(`m${index + 1}`)
    ports.push(port)
    got.push([])
    ethernet.connect(port, { write: (frames) => void got[index]?.push(frames), queued: () => queued })
  }
  const portOf = (machine: number): SwitchPort => {
    const port = ports[machine - 1]
    if (port === undefined) throw new Error(`there is no machine ${machine}`)
    return port
  }
  return {
    ethernet,
    portOf,
    send: (from: number, ...frames: ReadonlyArray<Buffer>) => ethernet.receive(portOf(from), Buffer.concat(frames)),
    /** The tags of what a machine got since the last look. */
    tags: (machine: number) =>
      (got[machine - 1]?.splice(0) ?? []).flatMap((piece) => {
        const tags: Array<number> = []
        const bytes = Buffer.from(piece)
        for (let at = 0; at < bytes.length; at += prefixBytes + bytes.readUInt32BE(at)) {
          tags.push(bytes[at + prefixBytes + bytes.readUInt32BE(at) - 1] ?? -1)
        }
        return tags
      }),
    pieces: (machine: number) => got[machine - 1]?.length ?? 0,
    fill: (bytes: number) => {
      queued = bytes
    }
  }
}

describe("EthernetSwitch", () => {
  it("sends a frame for an unknown address to everybody else, and one for a known address there only", () => {
    const { send, tags } = network(3)
    send(1, frame(2, 1, 1))
    assert.deepStrictEqual([tags(1), tags(2), tags(3)], [[], [1], [1]])
    send(2, frame(1, 2, 2))
    assert.deepStrictEqual([tags(1), tags(2), tags(3)], [[2], [], []])
    send(1, frame(2, 1, 3))
    assert.deepStrictEqual([tags(1), tags(2), tags(3)], [[], [3], []])
  })

  it("sends group frames to everybody else and learns no group address", () => {
    const { ethernet, send, tags } = network(3)
    send(1, frame(broadcast, 1, 4))
    assert.deepStrictEqual([tags(1), tags(2), tags(3)], [[], [4], [4]])
    const forged = frame(2, 1)
    forged[prefixBytes + 6] = 0x53
    send(1, forged)
    assert.strictEqual(ethernet.addresses().size, 1)
  })

  it("keeps a frame for its own port there", () => {
    const { send, tags } = network(2)
    send(1, frame(broadcast, 1))
    tags(2)
    send(1, frame(1, 1, 5))
    assert.deepStrictEqual([tags(1), tags(2)], [[], []])
  })

  it("follows an address to another port", () => {
    const { send, tags } = network(3)
    send(1, frame(broadcast, 1))
    send(2, frame(broadcast, 1))
    tags(1)
    tags(2)
    send(3, frame(1, 3, 6))
    assert.deepStrictEqual([tags(1), tags(2)], [[], [6]])
  })

  it("forgets the addresses of a port that is disconnected", () => {
    const { ethernet, portOf, send, tags } = network(3)
    send(1, frame(broadcast, 1))
    ethernet.disconnect(portOf(1))
    tags(2)
    tags(3)
    send(2, frame(1, 2, 7))
    assert.deepStrictEqual(tags(3), [7])
    assert.strictEqual(ethernet.countersOf(portOf(1)).droppedFull, 1)
  })

  it("passes neighbours for one port on as one piece, in their order", () => {
    const { send, tags, pieces } = network(3)
    send(2, frame(broadcast, 2))
    send(3, frame(broadcast, 3))
    tags(1)
    tags(2)
    tags(3)
    send(1, frame(2, 1, 1), frame(2, 1, 2), frame(3, 1, 3), frame(2, 1, 4))
    assert.strictEqual(pieces(2), 2)
    assert.deepStrictEqual([tags(2), tags(3)], [[1, 2, 4], [3]])
  })

  it("drops what a receiver has no room for, and counts it", () => {
    const { ethernet, portOf, send, tags, fill } = network(2, { maxQueueBytes: 1000 })
    send(2, frame(broadcast, 2))
    fill(1001)
    send(1, frame(2, 1, 1), frame(2, 1, 2))
    assert.deepStrictEqual(tags(2), [])
    assert.strictEqual(ethernet.countersOf(portOf(2)).droppedFull, 2)
    fill(1000)
    send(1, frame(2, 1, 3))
    assert.deepStrictEqual(tags(2), [3])
  })

  it("ignores a frame too short for its addresses", () => {
    const { send, tags } = network(2)
    send(1, frame(broadcast, 1, 1, 13), frame(broadcast, 1, 2))
    assert.deepStrictEqual(tags(2), [2])
  })

  it("keeps a partition in one direction, group frames too, until it is healed", () => {
    const { ethernet, portOf, send, tags } = network(3)
    ethernet.block(portOf(1), portOf(2))
    send(1, frame(broadcast, 1, 1))
    assert.deepStrictEqual([tags(2), tags(3)], [[], [1]])
    send(2, frame(broadcast, 2, 2))
    assert.deepStrictEqual(tags(1), [2])
    assert.strictEqual(ethernet.countersOf(portOf(2)).droppedPartition, 1)
    ethernet.unblock(portOf(1), portOf(2))
    send(1, frame(2, 1, 3))
    assert.deepStrictEqual(tags(2), [3])
  })

  it("impairs one direction only, and counts what the fault took", () => {
    const { ethernet, portOf, send, tags } = network(2)
    send(1, frame(broadcast, 1))
    send(2, frame(broadcast, 2))
    tags(1)
    tags(2)
    ethernet.impair(portOf(1), portOf(2), { loss: 1 })
    send(1, frame(2, 1, 1))
    send(2, frame(1, 2, 2))
    assert.deepStrictEqual([tags(1), tags(2)], [[2], []])
    assert.strictEqual(ethernet.countersOf(portOf(2)).droppedFault, 1)
    ethernet.impair(portOf(1), portOf(2), undefined)
    send(1, frame(2, 1, 3))
    assert.deepStrictEqual(tags(2), [3])
    assert.strictEqual(ethernet.countersOf(portOf(2)).droppedFault, 1)
  })

  it("goes on without a fault that fails, and tells of it", () => {
    const errors: Array<unknown> = []
    const { ethernet, portOf, send, tags } = network(2, {
      onFaultError: (error) => errors.push(error),
      clock: {
        now: () => 0,
        after: () => {
          throw new Error("no timers")
        }
      }
    })
    ethernet.impair(portOf(1), portOf(2), { delayMs: 5 })
    send(1, frame(broadcast, 1, 1))
    send(1, frame(broadcast, 1, 2))
    assert.deepStrictEqual(tags(2), [1, 2])
    assert.deepStrictEqual(errors, [new Error("no timers")])
  })

  it("holds no more addresses than a test can have", () => {
    const { ethernet, send } = network(2)
    for (let number = 0; number < 5000; number++) {
      const flood = frame(broadcast, 1)
      flood.writeUInt16BE(number, prefixBytes + 10)
      send(1, flood)
    }
    assert.strictEqual(ethernet.addresses().size, 4096)
  })
})
