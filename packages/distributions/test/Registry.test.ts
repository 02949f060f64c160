import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { registries, Registry, RegistryImage } from "@nix-vm-test/distributions/Registry"

const decode = Schema.decodeUnknownResult(RegistryImage, { onExcessProperty: "error" })

const good = {
  version: "12",
  codename: "bookworm",
  architecture: "x86_64",
  variant: "generic",
  build: "20260806-2562",
  urls: ["https://images.test/bookworm/20260806-2562/debian-12-generic-amd64-20260806-2562.qcow2"],
  digest: { algorithm: "sha256", hex: "ab".repeat(32) },
  size: 1_000,
  published: "2026-08-06",
  endOfLife: "2028-06-30",
  digestSource: { repository: "owner/name", path: "pins.json", commit: "c".repeat(40), confirmations: "single" }
}

const refusal = (row: unknown): string =>
  Result.match(decode(row), { onSuccess: () => "", onFailure: (error) => error.message })

describe("Registry", () => {
  it("every row is one that a publisher's file can be told by", () => {
    const rows = registries.flatMap(({ images }) => images)
    assert.isAbove(rows.length, 0)
    for (const row of rows) assert.strictEqual(refusal(Schema.encodeSync(RegistryImage)(row)), "")
  })

  it("the digests of different images differ", () => {
    const digests = registries.flatMap(({ images }) => images.map(({ digest }) => digest.hex))
    assert.strictEqual(new Set(digests).size, digests.length)
  })

  it("takes a good row", () => assert.strictEqual(refusal(good), ""))

  it.each([
    {
      what: "a digest of another algorithm's length",
      row: { ...good, digest: { algorithm: "sha512", hex: "ab".repeat(32) } },
      why: /128 digits/u
    },
    {
      what: "an upper case digest",
      row: { ...good, digest: { algorithm: "sha256", hex: "AB".repeat(32) } },
      why: /hexadecimal/u
    },
    {
      what: "a URL that may change",
      row: { ...good, urls: ["https://images.test/bookworm/latest/debian-12-generic-amd64.qcow2"] },
      why: /may change/u
    },
    { what: "a URL of another architecture", row: { ...good, architecture: "aarch64" }, why: /architecture/u },
    {
      what: "a URL without an architecture",
      row: { ...good, urls: ["https://images.test/20260806-2562/disk.qcow2"] },
      why: /does not name the architecture/u
    },
    {
      what: "a URL without encryption",
      row: { ...good, urls: ["http://images.test/20260806-2562/amd64.qcow2"] },
      why: /https/u
    },
    { what: "no URL", row: { ...good, urls: [] }, why: /urls/u },
    { what: "an end of life before its publication", row: { ...good, endOfLife: "2020-01-01" }, why: /end of life/u },
    { what: "a misspelt field", row: { ...good, sise: 3 }, why: /sise/u }
  ])("refuses $what", ({ row, why }) => assert.match(refusal(row), why))

  it("refuses two images for the same version and architecture", () => {
    const result = Schema.decodeUnknownResult(Registry)({ family: "debian", images: [good, good] })
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) assert.include(result.failure.message, "12 x86_64")
  })
})
