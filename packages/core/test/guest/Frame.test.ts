import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { encodeFrame, type Frame, FrameDecoder, maxFrameBytes, maxPayloadBytes } from "@nix-vm-test/core/guest/Frame"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const u32 = int(0, 0xffff_ffff)
/** A frame with a payload that its seed makes, of sizes that cross the decoder's cases. */
const FrameSeed = Schema.Struct({
  type: int(0, 255),
  callId: u32,
  size: Schema.Union([int(0, 40), int(0, 3000), Schema.Literal(maxPayloadBytes)]),
  fill: int(0, 255)
})
const Frames = Schema.Array(FrameSeed).check(Schema.isMaxLength(12))
const Cuts = Schema.Array(Schema.Union([int(1, 30), int(1, 5000)])).check(Schema.isMinLength(1), Schema.isMaxLength(40))

const frameOf = (seed: typeof FrameSeed.Type): Frame => ({
  type: seed.type,
  callId: seed.callId,
  more: seed.fill % 2 === 1,
  payload: Uint8Array.from({ length: seed.size }, (_, index) => (index * 7 + seed.fill) & 0xff)
})

const streamOf = (frames: ReadonlyArray<Frame>, key: number): Uint8Array =>
  new Uint8Array(Buffer.concat(frames.map((frame, sequence) => encodeFrame({ ...frame, sequence, key }))))

/** Decodes a stream in chunks of the given sizes, over and over. */
const decode = (bytes: Uint8Array, key: number, cuts: ReadonlyArray<number>) => {
  const frames: Array<Frame> = []
  const decoder = new FrameDecoder({ key, onFrame: (frame) => frames.push(frame) })
  let violation: string | undefined
  for (let at = 0, turn = 0; at < bytes.length && violation === undefined; turn++) {
    const size = cuts[turn % cuts.length] ?? 1
    violation = decoder.push(bytes.slice(at, at + size))
    at += size
  }
  return { frames, violation }
}

const comparable = (frame: Frame) => ({ ...frame, payload: Buffer.from(frame.payload).toString("hex") })

describe("FrameDecoder", () => {
  it.prop("gives the frames back, however the stream is cut", [Frames, Cuts, u32], ([seeds, cuts, key]) => {
    const frames = seeds.map(frameOf)
    const decoded = decode(streamOf(frames, key), key, cuts)
    assert.isUndefined(decoded.violation)
    assert.deepStrictEqual(decoded.frames.map(comparable), frames.map(comparable))
  })

  it.prop(
    "never gives a frame that was not sent, whatever byte of a header or check is wrong",
    [Frames.check(Schema.isMinLength(1)), Cuts, u32, int(0, 0xffff_ffff), int(1, 255)],
    ([seeds, cuts, key, position, flip]) => {
      const frames = seeds.map(frameOf)
      const bytes = streamOf(frames, key)
      // Positions that the protocol protects: magic, length and sequence of each header, and its check.
      let start = 0
      const guarded = frames.flatMap((frame, index) => {
        const at = start
        start += 20 + frame.payload.length
        const offsets = [0, 1, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((offset) => ({
          index,
          at: at + (offset < 16 ? offset : offset + frame.payload.length)
        }))
        return offsets
      })
      const target = guarded[position % guarded.length]
      assert.isDefined(target)
      bytes[target.at] = (bytes[target.at] ?? 0) ^ flip
      const decoded = decode(bytes, key, cuts)
      assert.deepStrictEqual(decoded.frames.map(comparable), frames.slice(0, decoded.frames.length).map(comparable))
      assert.isAtMost(decoded.frames.length, target.index)
    }
  )

  it.prop("never throws on noise, and takes no frame from it", [Schema.Array(int(0, 255)), Cuts], ([noise, cuts]) => {
    assert.deepStrictEqual(decode(Uint8Array.from(noise), 0x1234_5678, cuts).frames, [])
  })

  it("takes no frame of another session, nor one that comes twice", () => {
    const frame = frameOf({ type: 1, callId: 1, size: 3, fill: 2 })
    const bytes = streamOf([frame], 7)
    assert.deepStrictEqual(decode(bytes, 8, [1000]), { frames: [], violation: "frame 0 has a wrong check" })
    const twice = decode(new Uint8Array(Buffer.concat([bytes, bytes])), 7, [1000])
    assert.strictEqual(twice.frames.length, 1)
    assert.strictEqual(twice.violation, "frame 0 came where 1 was due")
  })

  it("refuses a length beyond the limit before its bytes come", () => {
    const header = encodeFrame({ type: 1, callId: 1, more: false, payload: new Uint8Array(0), sequence: 0, key: 0 })
    Buffer.from(header.buffer, header.byteOffset).writeUInt32LE(maxPayloadBytes + 1, 8)
    assert.strictEqual(
      decode(header.subarray(0, 16), 0, [16]).violation,
      `a frame announces ${maxPayloadBytes + 1} bytes`
    )
  })

  it("is silent after it was stopped, even within one chunk", () => {
    const seen: Array<number> = []
    const decoder = new FrameDecoder({
      key: 0,
      onFrame: (frame) => {
        seen.push(frame.callId)
        decoder.stop()
      }
    })
    const frames = [1, 2].map((callId) => frameOf({ type: 1, callId, size: 0, fill: 0 }))
    assert.isUndefined(decoder.push(streamOf(frames, 0)))
    assert.deepStrictEqual(seen, [1])
  })

  it("does not copy a frame that lies whole in its chunk", () => {
    const bytes = streamOf([frameOf({ type: 1, callId: 1, size: maxPayloadBytes, fill: 0 })], 0)
    assert.strictEqual(bytes.length, maxFrameBytes)
    new FrameDecoder({ key: 0, onFrame: (frame) => assert.strictEqual(frame.payload.buffer, bytes.buffer) }).push(bytes)
  })
})
