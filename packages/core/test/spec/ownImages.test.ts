import { assert, describe, it } from "@effect/vitest"
import { ImageReferenceFromSpec } from "@nix-vm-test/core/spec/ImageReference"
import { fromFile, fromUrl } from "@nix-vm-test/core/spec/ownImages"
import * as Schema from "effect/Schema"

const decode = Schema.decodeUnknownSync(ImageReferenceFromSpec)
const url = "https://images.test/my.qcow2"
const sha256 = "ab".repeat(32)
const sha512 = "0f".repeat(64)
const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64")

describe("users' own images", () => {
  it("are what the spec takes", () => {
    assert.deepStrictEqual(decode(fromFile("./my.qcow2")), { _tag: "File", path: "./my.qcow2" })
    assert.deepStrictEqual(decode(fromUrl(url, sha256, { family: "fedora", version: "43" })), {
      _tag: "Url",
      url,
      digest: { algorithm: "sha256", hex: sha256 },
      family: "fedora",
      version: "43"
    })
  })

  it.each([
    { digest: sha256, written: { url, sha256 } },
    { digest: sha256.toUpperCase(), written: { url, sha256 } },
    { digest: `sha256:${sha256}`, written: { url, sha256 } },
    { digest: `sha256-${base64(sha256)}`, written: { url, sha256 } },
    { digest: sha512, written: { url, sha512 } },
    { digest: `sha512-${base64(sha512)}`, written: { url, sha512 } }
  ])("take the digest $digest", ({ digest, written }) => assert.deepStrictEqual(fromUrl(url, digest), written))

  it.each([
    "",
    "abc",
    `sha512:${sha256}`,
    `sha256:${sha512}`,
    `md5:${sha256.slice(32)}`,
    `sha256-${base64("abcd")}`,
    "sha256:"
  ])("refuse the digest %j", (digest) =>
    assert.throws(() => fromUrl(url, digest), /is no digest for https:\/\/images\.test/u)
  )
})
