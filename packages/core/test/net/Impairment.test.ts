import { assert, describe, it } from "@effect/vitest"
import { Impairment, type ImpairmentOptions } from "@nix-vm-test/core/net/Impairment"
import { derivedSeed, seededRandom } from "@nix-vm-test/core/net/Random"

const frameOf = (tag: number): Uint8Array => {
  const frame = Buffer.alloc(64)
  frame.writeUInt32BE(60, 0)
  frame.writeUInt32BE(tag, 60)
  return frame
}

/** A link under a clock that the test moves. */
const link = (impairment: ImpairmentOptions, seed = 1) => {
  const passed: Array<{ readonly at: number; readonly tag: number; readonly frame: Uint8Array }> = []
  let now = 0
  let timer: { readonly due: number; readonly call: () => void } | undefined
  const impaired = new Impairment({
    impairment,
    seed,
    deliver: (frame) => passed.push({ at: now, tag: Buffer.from(frame).readUInt32BE(60), frame }),
    clock: {
      now: () => now,
      after: (ms, call) => {
        timer = { due: now + ms, call }
        return () => {
          timer = undefined
        }
      }
    }
  })
  return {
    impaired,
    passed,
    send: (tag: number) => impaired.push(frameOf(tag)),
    pass: (ms: number) => {
      const until = now + ms
      while (timer !== undefined && timer.due <= until) {
        const { due, call } = timer
        timer = undefined
        now = due
        call()
      }
      now = until
    }
  }
}

const many = 10_000

describe("Impairment", () => {
  it("passes frames at once, uncopied, where nothing is asked for", () => {
    const { send, passed } = link({})
    send(1)
    assert.deepStrictEqual(
      passed.map(({ tag }) => tag),
      [1]
    )
  })

  it.each([
    { impairment: { loss: 0.1 }, expected: 0.9 * many },
    { impairment: { duplicate: 0.1 }, expected: 1.1 * many }
  ])("$impairment takes or adds about its share", ({ impairment, expected }) => {
    const { send, passed } = link(impairment)
    for (let tag = 0; tag < many; tag++) send(tag)
    assert.isBelow(Math.abs(passed.length - expected), 0.01 * many)
  })

  it("repeats its verdicts with its seed, and differs with another", () => {
    const verdicts = (seed: number) => {
      const { send, passed } = link({ loss: 0.5 }, seed)
      for (let tag = 0; tag < 100; tag++) send(tag)
      return passed.map(({ tag }) => tag)
    }
    assert.deepStrictEqual(verdicts(7), verdicts(7))
    assert.notDeepEqual(verdicts(7), verdicts(8))
  })

  it("delays each frame by its time and keeps their order", () => {
    const { send, pass, passed } = link({ delayMs: 50 })
    send(1)
    pass(10)
    send(2)
    send(3)
    pass(39)
    assert.deepStrictEqual(passed, [])
    pass(100)
    assert.deepStrictEqual(
      passed.map(({ at, tag }) => [at, tag]),
      [
        [50, 1],
        [60, 2],
        [60, 3]
      ]
    )
  })

  it("lets frames overtake under jitter, each within its bounds", () => {
    const { send, pass, passed } = link({ delayMs: 50, jitterMs: 20 })
    for (let tag = 0; tag < 100; tag++) {
      send(tag)
      pass(1)
    }
    pass(100)
    assert.strictEqual(passed.length, 100)
    assert.isTrue(passed.every(({ at, tag }) => at - tag >= 30 && at - tag <= 70))
    assert.notDeepEqual(
      passed.map(({ tag }) => tag),
      passed.map(({ tag }) => tag).toSorted((one, other) => one - other)
    )
  })

  it("lets the reordered share overtake the delayed ones", () => {
    const { send, pass, passed } = link({ delayMs: 10, reorder: 0.25 })
    for (let tag = 0; tag < many; tag++) {
      send(tag)
      pass(1)
    }
    pass(100)
    const early = passed.filter(({ at, tag }) => at === tag).length
    assert.isBelow(Math.abs(early - 0.25 * many), 0.02 * many)
  })

  it("turns one bit of a corrupted frame over, and leaves the sender's bytes alone", () => {
    const { impaired, passed } = link({ corrupt: 1 })
    const sent = frameOf(1)
    const before = Buffer.from(sent).toString("hex")
    impaired.push(sent)
    assert.strictEqual(Buffer.from(sent).toString("hex"), before)
    const got = passed[0]?.frame ?? new Uint8Array()
    const bits = got.reduce((sum, byte, index) => {
      let difference = byte ^ (sent[index] ?? 0)
      let count = 0
      for (; difference > 0; difference >>= 1) count += difference & 1
      return sum + count
    }, 0)
    assert.strictEqual(bits, 1)
    assert.strictEqual(Buffer.from(got).readUInt32BE(0), 60)
  })

  it("spaces frames by the rate, and drops those that find the queue full", () => {
    const { impaired, send, pass, passed } = link({ rateBps: 60 * 8 * 100, queueFrames: 3 })
    for (let tag = 0; tag < 5; tag++) send(tag)
    pass(1000)
    assert.deepStrictEqual(
      passed.map(({ at, tag }) => [Math.round(at), tag]),
      [
        [10, 0],
        [20, 1],
        [30, 2]
      ]
    )
    assert.strictEqual(impaired.counters.overflowed, 2)
    send(9)
    pass(1000)
    assert.strictEqual(passed.at(-1)?.at, 1010)
  })

  it("drops what waits when it is closed", () => {
    const { impaired, send, pass, passed } = link({ delayMs: 10 })
    send(1)
    impaired.close()
    pass(100)
    assert.deepStrictEqual(passed, [])
  })
})

describe("Random", () => {
  it("is spread evenly", () => {
    const random = seededRandom(42)
    const tenths = Array.from({ length: 10 }, () => 0)
    for (let count = 0; count < 100_000; count++) {
      const tenth = Math.floor(random() * 10)
      tenths[tenth] = (tenths[tenth] ?? 0) + 1
    }
    assert.isTrue(tenths.every((count) => Math.abs(count - 10_000) < 500))
  })

  it("derives different seeds for the two directions of a link", () => {
    assert.notStrictEqual(derivedSeed(1, 2, 3), derivedSeed(1, 3, 2))
  })
})
