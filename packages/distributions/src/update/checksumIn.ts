/** A file's digest out of a publisher's list, as GNU's tools write it (`HEX  NAME`) or BSD's (`SHA256 (NAME) = HEX`). */
import type { Digest } from "@nix-vm-test/core/spec/Image"
import * as Result from "effect/Result"

export interface Checksum {
  readonly digest: Digest
  /** Bytes, where the list says so in a comment as Fedora's do. */
  readonly size?: number
}

interface Entry {
  readonly name: string
  readonly hex: string
  /** As written, where the line says it. */
  readonly algorithm?: string
}

const entryIn = (line: string): Entry | undefined => {
  const [, algorithm, bsdName, bsdHex] = /^(SHA\d+) \((.+)\) = ([0-9A-Fa-f]+)$/u.exec(line) ?? []
  if (algorithm !== undefined && bsdName !== undefined && bsdHex !== undefined) {
    return { name: bsdName, hex: bsdHex.toLowerCase(), algorithm: algorithm.toLowerCase() }
  }
  const [, hex, name] = /^([0-9A-Fa-f]+) [ *](.+)$/u.exec(line) ?? []
  return hex === undefined || name === undefined
    ? undefined
    : { name: name.replace(/^\.\//u, ""), hex: hex.toLowerCase() }
}

const algorithms = { 64: "sha256", 128: "sha512" } as const

const digestOf = ({ hex, algorithm }: Entry): Digest | undefined => {
  const byLength = hex.length === 64 || hex.length === 128 ? algorithms[hex.length] : undefined
  return byLength === undefined || (algorithm ?? byLength) !== byLength ? undefined : { algorithm: byLength, hex }
}

/** `# NAME: 123 bytes`. */
const sizeIn = (lines: ReadonlyArray<string>, name: string): number | undefined => {
  const line = lines.find((text) => text.startsWith(`# ${name}: `))
  const [, bytes] = /: (\d+) bytes$/u.exec(line ?? "") ?? []
  return bytes === undefined ? undefined : Number(bytes)
}

/** A list of one file may consist of the digest alone. */
const bareDigest = (lines: ReadonlyArray<string>): Digest | undefined => {
  const [line = ""] = lines
  return lines.length === 1 && /^[0-9A-Fa-f]+$/u.test(line)
    ? digestOf({ name: "", hex: line.toLowerCase() })
    : undefined
}

export interface ChecksumOptions {
  readonly text: string
  readonly fileName: string
  /** The list belongs to this one file, by its name. */
  readonly isOwnList: boolean
}

/**
 * The digest of exactly this name; undefined where the list has none. Of several algorithms the strongest counts. Fails with what is wrong:
 * digits of a wrong length, or two digests for one name.
 */
export const checksumIn = ({
  text,
  fileName,
  isOwnList
}: ChecksumOptions): Result.Result<Checksum | undefined, string> => {
  const lines = text.split(/\r?\n/u).filter((line) => line.trim() !== "")
  const bare = isOwnList ? bareDigest(lines) : undefined
  if (bare !== undefined) return Result.succeed({ digest: bare })
  const entries = lines.flatMap((line) => entryIn(line) ?? []).filter(({ name }) => name === fileName)
  const digests = new Map<Digest["algorithm"], string>()
  for (const entry of entries) {
    const digest = digestOf(entry)
    // MD5 and SHA-1 beside the others.
    if (digest === undefined && (entry.algorithm === "sha1" || /^(?:.{32}|.{40})$/u.test(entry.hex))) continue
    if (digest === undefined) return Result.fail(`the digest of ${fileName} has ${entry.hex.length} digits`)
    const before = digests.get(digest.algorithm)
    if (before !== undefined && before !== digest.hex) return Result.fail(`it has two digests for ${fileName}`)
    digests.set(digest.algorithm, digest.hex)
  }
  const algorithm = digests.has("sha512") ? "sha512" : "sha256"
  const hex = digests.get(algorithm)
  if (hex === undefined) return Result.succeed(undefined)
  const size = sizeIn(lines, fileName)
  return Result.succeed({ digest: { algorithm, hex }, ...(size === undefined ? {} : { size }) })
}
