import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  encodeSync,
  helloMark,
  type HandshakeResult,
  HelloScanner,
  sessionKey
} from "@nix-vm-test/core/guest/Handshake"
import { encodeHello } from "./FakeAgent.ts"

const nonce = Uint8Array.from({ length: 16 }, (_, index) => index + 100)
const otherNonce = Uint8Array.from({ length: 16 }, (_, index) => index + 101)
const after = Uint8Array.of(1, 2, 3)

const scan = (bytes: Uint8Array, chunkSize: number): HandshakeResult | undefined => {
  const scanner = new HelloScanner(nonce)
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const result = scanner.push(bytes.slice(at, at + chunkSize))
    if (result !== undefined) {
      return result
    }
  }
  return undefined
}

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("HelloScanner", () => {
  it.prop(
    "finds the hello after any bytes, however they are cut",
    [Schema.Array(int(0, 255)), int(0, 40), int(1, 200)],
    ([noise, partOfMark, chunkSize]) => {
      const stale = encodeHello({ nonce: otherNonce, bootId: "stale" })
      // Noise that ends in the start of a hello is the hardest: it must not hide the real one.
      const bytes = Buffer.concat([
        Uint8Array.from(noise),
        stale,
        helloMark.slice(0, partOfMark % 17),
        encodeHello({ nonce })
      ])
      const result = scan(bytes, chunkSize)
      assert.strictEqual(result?._tag, "Hello")
      assert.strictEqual(result?._tag === "Hello" && result.session.bootId, "boot-1")
    }
  )

  it("skips megabytes, and hands over what follows", () => {
    const garbage = new Uint8Array(5_000_000).fill(0xf5)
    const result = scan(Buffer.concat([garbage, encodeHello({ nonce }), after]), 65_536)
    assert.deepStrictEqual(result?._tag === "Hello" && result.rest, after)
  })

  it.each([
    ["no version in common", { version: 0 }, "it does not speak version 1"],
    ["a version nobody offered", { version: 9 }, "it chose version 9"]
  ])("refuses %s", (_, hello, detail) => {
    assert.deepStrictEqual(scan(encodeHello({ nonce, ...hello }), 7), { _tag: "Refused", detail })
  })

  it("refuses a hello that announces too much or is cut short inside", () => {
    const tooLong = Buffer.from(encodeHello({ nonce }))
    tooLong.writeUInt32LE(4097, 36)
    assert.deepStrictEqual(scan(tooLong, 1000), { _tag: "Refused", detail: "its hello announces 4097 bytes" })
    const tooShort = Buffer.from(encodeHello({ nonce }))
    tooShort.writeUInt32LE(30, 36)
    assert.deepStrictEqual(scan(tooShort, 1000), { _tag: "Refused", detail: "its hello is malformed" })
  })

  it("waits for the rest of a hello", () => {
    assert.isUndefined(scan(encodeHello({ nonce }).subarray(0, -1), 10))
  })
})

describe("encodeSync", () => {
  it("is padding of one frame, mark, nonce and versions", () => {
    const padded = Buffer.from(encodeSync({ nonce, padded: true }))
    assert.strictEqual(padded.length, 32_768 + 40)
    assert.isTrue(padded.subarray(0, 32_768).every((byte) => byte === 0))
    const sync = padded.subarray(32_768)
    assert.deepStrictEqual(sync, Buffer.from(encodeSync({ nonce, padded: false })))
    assert.strictEqual(sync.subarray(0, 16).toString("latin1"), "õNVTsync\x00\x01\x02\x03þÀZ¥")
    assert.deepStrictEqual(new Uint8Array(sync.subarray(16, 32)), nonce)
    assert.strictEqual(sync.subarray(32).toString("hex"), "0100010000000000")
    assert.strictEqual(sessionKey(nonce), 0x67666564)
  })
})
