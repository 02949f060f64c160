import { assert, describe, it } from "@effect/vitest"
import { checksumIn } from "@nix-vm-test/distributions/update/checksumIn"
import * as Result from "effect/Result"

const hex = "ab".repeat(32)
const other = "cd".repeat(32)
const long = "ef".repeat(64)
const fileName = "mine-12-amd64.qcow2"

const read = (text: string, isOwnList = false) => checksumIn({ text, fileName, isOwnList })

describe("checksumIn", () => {
  it.each([
    { what: "GNU's text mode", text: `${hex}  ${fileName}\n` },
    { what: "GNU's binary mode", text: `${hex} *${fileName}\n` },
    { what: "GNU's, with a path before the name", text: `${hex}  ./${fileName}\n` },
    { what: "BSD's", text: `SHA256 (${fileName}) = ${hex}\n` },
    { what: "upper case digits", text: `${hex.toUpperCase()}  ${fileName}\n` },
    { what: "lines of Windows", text: `${other}  x\r\n${hex}  ${fileName}\r\n` },
    { what: "the same line twice", text: `${hex}  ${fileName}\n${hex}  ${fileName}\n` },
    {
      what: "names that end or begin with it",
      text: [
        `${other}  old-${fileName}`,
        `${other}  ${fileName}.xz`,
        `${other}  mine-12-amd64v3.qcow2`,
        `${hex}  ${fileName}`
      ].join("\n")
    },
    {
      what: "older algorithms beside it",
      text: `MD5 (${fileName}) = ${"0".repeat(32)}\nSHA1 (${fileName}) = ${"0".repeat(40)}\nSHA256 (${fileName}) = ${hex}`
    },
    { what: "comments and signatures around it", text: `Hash: SHA256\n\n# a comment\n${hex}  ${fileName}\n-----BEGIN` }
  ])("reads $what", ({ text }) =>
    assert.deepStrictEqual(read(text), Result.succeed({ digest: { algorithm: "sha256", hex } }))
  )

  it("reads the size that Fedora tells in a comment", () =>
    assert.deepStrictEqual(
      read(`# other-${fileName}: 7 bytes\n# ${fileName}: 500000000 bytes\nSHA256 (${fileName}) = ${hex}`),
      Result.succeed({ digest: { algorithm: "sha256", hex }, size: 500_000_000 })
    ))

  it("takes the strongest of several algorithms", () =>
    assert.deepStrictEqual(
      read(`SHA256 (${fileName}) = ${hex}\nSHA512 (${fileName}) = ${long}`),
      Result.succeed({ digest: { algorithm: "sha512", hex: long } })
    ))

  it("takes a digest alone for a list of one file only", () => {
    assert.deepStrictEqual(read(`${long}\n`, true), Result.succeed({ digest: { algorithm: "sha512", hex: long } }))
    assert.deepStrictEqual(read(`${long}\n`), Result.succeed(undefined))
    assert.deepStrictEqual(read(`${long}  other.qcow2\n`, true), Result.succeed(undefined))
  })

  it.each([
    { what: "no list", text: "<html>moved</html>" },
    { what: "an empty file", text: "" },
    { what: "other files only", text: `${hex}  other.qcow2` }
  ])("has nothing of $what", ({ text }) => assert.deepStrictEqual(read(text), Result.succeed(undefined)))

  it.each([
    { what: "two digests for one name", text: `${hex}  ${fileName}\n${other}  ${fileName}`, why: /two digests/u },
    { what: "a digest that was cut off", text: `${hex.slice(1)}  ${fileName}`, why: /63 digits/u },
    { what: "digits of another algorithm", text: `SHA512 (${fileName}) = ${hex}`, why: /64 digits/u }
  ])("refuses $what", ({ text, why }) => {
    const refused = read(text)
    assert.isTrue(Result.isFailure(refused) && why.test(refused.failure))
  })
})
