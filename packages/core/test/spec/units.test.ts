import { ByteSize, parseByteSize } from "@nix-vm-test/core/spec/ByteSize"
import { DurationSpec, parseDuration } from "@nix-vm-test/core/spec/DurationSpec"
import { nearest } from "@nix-vm-test/core/spec/nearest"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

describe("sizes", () => {
  it.each([
    ["1GiB", 1024 ** 3],
    ["512 MiB", 512 * 1024 ** 2],
    ["10G", 10 * 1024 ** 3],
    ["1.5G", 1.5 * 1024 ** 3],
    ["3 K", 3072],
    ["2GB", 2_000_000_000],
    ["7B", 7]
  ])("%s is %d bytes", (text, bytes) => {
    assert.deepStrictEqual(parseByteSize(text), Option.some(bytes))
    assert.strictEqual(Schema.decodeUnknownSync(ByteSize)(text), bytes)
  })

  it.each(["", "G", "1", "1g", "1KB", "-1G", "0.3B", "1G2", "1e3M", " 1G", "9999999T"])("%j is refused", (text) => {
    assert.throws(() => Schema.decodeUnknownSync(ByteSize)(text))
  })

  it.prop("any number of bytes is itself", [Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))], ([bytes]) => {
    assert.strictEqual(Schema.decodeUnknownSync(ByteSize)(bytes), bytes)
    assert.deepStrictEqual(parseByteSize(`${bytes}B`), Option.some(bytes))
  })
})

describe("durations", () => {
  it.each([
    ["15min", 900_000],
    ["1h", 3_600_000],
    ["90s", 90_000],
    ["250ms", 250],
    ["5m", 300_000],
    ["1h30min", 5_400_000],
    ["1d 2 hours", 93_600_000],
    ["1.5 seconds", 1500]
  ])("%s is %d ms", (text, millis) => {
    assert.deepStrictEqual(parseDuration(text), Option.some(Duration.millis(millis)))
  })

  it.each(["", "h", "15", "-1s", "0s", "1 fortnight", "1h,2m", "1hs"])("%j is refused", (text) => {
    assert.throws(() => Schema.decodeUnknownSync(DurationSpec)(text))
  })

  it.each([0, -1, Number.POSITIVE_INFINITY])("the number %d is refused", (seconds) => {
    assert.throws(() => Schema.decodeUnknownSync(DurationSpec)(seconds))
  })

  it.prop("a number is seconds", [Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1e6 }))], ([seconds]) => {
    assert.deepStrictEqual(Schema.decodeUnknownSync(DurationSpec)(seconds), Duration.seconds(seconds))
  })
})

describe("nearest", () => {
  it.each([
    ["acel", ["accel", "name"], "accel"],
    ["mem", ["image", "memory"], "memory"],
    ["Memory", ["image", "memory"], "memory"],
    ["zzz", ["image", "memory"], undefined],
    ["x", [], undefined]
  ])("%s of %j: %s", (word, known, expected) => {
    assert.strictEqual(nearest(word, known), expected)
  })
})
