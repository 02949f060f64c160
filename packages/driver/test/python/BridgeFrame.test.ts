import { assert, describe, it } from "@effect/vitest"
import type { BridgeFrame } from "@nix-vm-test/driver/python/BridgeFrame"
import { bridgeReader, encodeFrame } from "@nix-vm-test/driver/python/BridgeFrame"
import * as Schema from "effect/Schema"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Bytes = Schema.Array(int(0, 255))

const reading = () => {
  const frames: Array<BridgeFrame> = []
  const errors: Array<string> = []
  const read = bridgeReader({ onFrame: (frame) => frames.push(frame), onError: (detail) => errors.push(detail) })
  return { frames, errors, read }
}

/** Feeds bytes in chunks whose sizes go round. */
const feed = (read: (chunk: Uint8Array) => void, bytes: Uint8Array, sizes: ReadonlyArray<number>): void => {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    read(bytes.subarray(at, at + size))
    at += size
  }
}

describe("bridgeReader", () => {
  it.prop(
    "gives the same frames however the bytes are cut",
    [
      Schema.Array(Schema.Struct({ text: Schema.String, parts: Schema.Array(Bytes) })),
      Schema.NonEmptyArray(int(1, 40))
    ],
    ([messages, sizes]) => {
      const { frames, errors, read } = reading()
      const sent = messages.map(({ text, parts }) => ({ text, parts: parts.map((part) => Uint8Array.from(part)) }))
      feed(read, Buffer.concat(sent.flatMap(({ text, parts }) => encodeFrame({ text }, parts))), sizes)
      assert.deepStrictEqual(errors, [])
      assert.deepStrictEqual(
        frames.map(({ header, parts }) => ({ header, parts: parts.map((part) => [...part]) })),
        sent.map(({ text, parts }) => ({
          header: parts.length === 0 ? { text } : { text, parts: parts.map(({ length }) => length) },
          parts: parts.map((part) => [...part])
        }))
      )
    }
  )

  it.prop(
    "never throws at garbage, and complains once at most",
    [Bytes, Schema.NonEmptyArray(int(1, 9))],
    ([bytes, sizes]) => {
      const { errors, read } = reading()
      feed(read, Uint8Array.from(bytes), sizes)
      assert.isAtMost(errors.length, 1)
    }
  )

  it.each([
    ["a header longer than any", [0x7f, 0, 0, 0, 0, 0, 0, 0], /announces 2130706432 and 0 bytes/u],
    ["a payload longer than any", [0, 0, 0, 2, 0xff, 0, 0, 0, 0x7b, 0x7d], /announces 2 and 4278190080 bytes/u],
    ["a header that is no JSON", [0, 0, 0, 1, 0, 0, 0, 0, 0x7b], /no JSON: \{/u],
    ["a payload without parts", [0, 0, 0, 2, 0, 0, 0, 1, 0x7b, 0x7d, 0], /not as long/u]
  ])("refuses %s, and reads nothing after it", (_, bytes, message) => {
    const { frames, errors, read } = reading()
    read(Uint8Array.from(bytes))
    read(Buffer.concat([...encodeFrame({ fine: true })]))
    assert.deepStrictEqual(frames, [])
    assert.strictEqual(errors.length, 1)
    assert.match(errors[0] ?? "", message)
  })
})
