/**
 * Sizes as users write them: `"1GiB"`, `"512 MiB"`, `"10G"`, or a number of bytes.
 *
 * One-letter units are binary, as in `qemu-img`: `G` is GiB. `GB` is the decimal unit.
 */
import * as Bytes from "effect/ByteSize"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const sizePattern = String.raw`\d+(?:\.\d+)? ?(?:B|kB|[KMGT]|[MGT]B|[KMGT]iB)`

/** Bytes of a size with its unit; none for other text, and for fractions of a byte. */
export const parseByteSize = (text: string): Option.Option<number> =>
  Bytes.fromString(text.trim().replace(/(?<=[\d ])[KMGT]$/u, "$&iB")).pipe(Option.flatMap(Bytes.toNumber))

const bytes = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** Text of a size, after an optional sign. */
const sizeText = (sign: string) =>
  Schema.String.check(
    Schema.isPattern(new RegExp(`^${sign}${sizePattern}$`, "u")),
    Schema.makeFilter((text) => Option.isSome(parseByteSize(text.replace(/^\+/u, ""))), {
      expected: "a whole number of bytes"
    })
  )

const bytesOf = (text: string): number => Option.getOrThrow(parseByteSize(text))

/** A whole number of bytes, from a number or from text with a unit. */
export const ByteSize = Schema.Union([bytes, sizeText("")])
  .annotate({
    expected: `a size such as "1GiB", "512MiB" or a number of bytes`,
    description: `A size with its unit ("1GiB", "512MiB", "10G"), or a number of bytes.`
  })
  .pipe(
    Schema.decodeTo(
      bytes,
      SchemaTransformation.transform({
        decode: (size) => (typeof size === "number" ? size : bytesOf(size)),
        encode: (size): number | string => size
      })
    )
  )
export type ByteSize = typeof ByteSize.Type

/** What a disk shall have: a size of its own, or so much more than its image. */
export const DiskSize = Schema.Struct({ relative: Schema.Boolean, bytes })
export type DiskSize = typeof DiskSize.Type

/** The size of a root disk: absolute (`"10G"`), or with a plus what is added to the image (`"+2G"`). */
export const DiskSizeFromText = Schema.Union([bytes, sizeText(String.raw`\+?`)])
  .annotate({
    expected: `a size such as "10G", or "+2G" for so much more than the image has`,
    description: `The root disk's size: absolute ("10G", a number of bytes), or relative to the image ("+2G").`
  })
  .pipe(
    Schema.decodeTo(
      DiskSize,
      SchemaTransformation.transform({
        decode: (size) =>
          typeof size === "number"
            ? { relative: false, bytes: size }
            : { relative: size.startsWith("+"), bytes: bytesOf(size.replace(/^\+/u, "")) },
        encode: (size): number | string => (size.relative ? `+${size.bytes}B` : size.bytes)
      })
    )
  )
