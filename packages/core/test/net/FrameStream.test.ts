import { assert, describe, it } from "@effect/vitest"
import { longestFrame, prefixBytes } from "@nix-vm-test/core/net/EthernetFrame"
import { frameStream } from "@nix-vm-test/core/net/FrameStream"
import * as Schema from "effect/Schema"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Sizes = Schema.Array(Schema.Union([int(0, 40), int(0, 3000), Schema.Literal(longestFrame)])).check(
  Schema.isMaxLength(20)
)
const Cuts = Schema.Array(Schema.Union([int(1, 6), int(1, 5000)])).check(Schema.isMinLength(1), Schema.isMaxLength(40))

/** A frame of so many bytes that no other frame of the stream is like. */
const frameOf = (size: number, fill: number): Buffer => {
  const frame = Buffer.alloc(prefixBytes + size, fill)
  frame.writeUInt32BE(size, 0)
  return frame
}

const read = (bytes: Uint8Array, cuts: ReadonlyArray<number>) => {
  const pieces: Array<Uint8Array> = []
  const errors: Array<string> = []
  const push = frameStream({ onFrames: (frames) => pieces.push(frames), onError: (detail) => errors.push(detail) })
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = cuts[turn % cuts.length] ?? 1
    push(bytes.slice(at, at + size))
    at += size
  }
  return { pieces, errors }
}

/** Whether a piece is made of whole frames. */
const isWhole = (piece: Uint8Array): boolean => {
  const bytes = Buffer.from(piece)
  let offset = 0
  while (offset < bytes.length) offset += prefixBytes + bytes.readUInt32BE(offset)
  return offset === bytes.length
}

describe("FrameStream", () => {
  it.prop(
    "gives every byte of whole frames, in order and never half a frame, wherever the chunks end",
    [Sizes, Cuts],
    ([sizes, cuts]) => {
      const stream = Buffer.concat(sizes.map((size, index) => frameOf(size, index + 1)))
      const { pieces, errors } = read(stream, cuts)
      assert.deepStrictEqual(errors, [])
      assert.isTrue(pieces.every(isWhole))
      assert.strictEqual(Buffer.compare(Buffer.concat(pieces), stream), 0)
    }
  )

  it("keeps the beginning of a frame until its end comes", () => {
    const frame = frameOf(60, 7)
    const { pieces } = read(frame.subarray(0, 50), [50])
    assert.deepStrictEqual(pieces, [])
  })

  it("says that the stream is out of step, once, and reads no more", () => {
    const { pieces, errors } = read(Buffer.concat([frameOf(60, 1), Buffer.alloc(200, 0xff), frameOf(60, 2)]), [30])
    assert.deepStrictEqual(errors, ["a frame of 4294967295 bytes"])
    assert.strictEqual(Buffer.concat(pieces).length, 64)
  })
})
