/** The project's own registry before publishers as they are known: that each pin is found by what the registry says of its publisher. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Distribution } from "@nix-vm-test/distributions/Distribution"
import { imageRows } from "@nix-vm-test/distributions/imageRows"
import { decodedDistribution, distributions } from "@nix-vm-test/distributions/registry"
import { isNamedAs } from "@nix-vm-test/distributions/update/Offer"
import type { Publisher } from "@nix-vm-test/distributions/update/Publisher"
import type { Change } from "@nix-vm-test/distributions/update/updateDistribution"
import * as Effect from "effect/Effect"
import { publishedSite } from "./publishedSite.ts"
import { TestKey } from "./signingKey.ts"
import { updateFolder } from "./updateFolder.ts"

let key: TestKey
beforeAll(() => {
  key = new TestKey()
})
afterAll(() => key.remove())

const all = distributions.map(decodedDistribution)

const keyUrl = "https://keys.test/mine.asc"

/** A publisher that does all as the real one, and signs with the test's key. */
const withTestKey = (publisher: Publisher): Publisher => {
  const { signature } = publisher
  if (signature === undefined) return publisher
  return { ...publisher, signature: { ...signature, keys: [{ fingerprint: key.fingerprint, url: keyUrl }] } }
}

const publisherOf = ({ family, publisher }: Distribution): Publisher => {
  if (publisher === undefined) throw new Error(`${family} has no publisher`)
  return publisher
}

/** What a publisher can't say anything newer of. */
const kept: Readonly<Record<string, ReadonlyArray<string>>> = {
  // The archive's file has no name of a build.
  rocky: ["rocky:8.6 x86_64", "rocky:8.6 aarch64"],
  // Another project's, published elsewhere.
  arch: ["arch:rolling aarch64"],
  // A document is of the newest minor release.
  oraclelinux: ["9.7", "10.0"].flatMap((version) => [`oraclelinux:${version} x86_64`, `oraclelinux:${version} aarch64`])
}

describe("the project's registry", () => {
  it("names builds as their publishers do, but for files of an old archive", () => {
    const others = all.flatMap((distribution) => {
      const { build } = publisherOf(distribution)
      const rows = build === undefined ? [] : imageRows(distribution)
      return rows
        .filter(({ image }) => !isNamedAs(image.build, build))
        .map(({ version, image }) => `${distribution.family}:${version} ${image.build}`)
    })
    assert.deepStrictEqual([...new Set(others)], ["rocky:8.6 8.6"])
  })

  it.live.each(all)("is renewed for $family, or confirmed", (distribution) =>
    Effect.gen(function* () {
      const { releases: _, ...publisher } = withTestKey(publisherOf(distribution))
      const file = `${distribution.family}.json`
      const { updates } = yield* updateFolder({
        files: { [file]: `${JSON.stringify({ ...distribution, publisher })}\n` },
        site: { ...publishedSite(publisher, imageRows(distribution), key), [keyUrl]: key.armored }
      })
      const failures = updates.map((update) => (update.outcome === "failed" ? update.error.message : ""))
      assert.deepStrictEqual(failures, [""])
      const change: Change = publisher.build === undefined ? "confirmed" : "renewed"
      const images = updates.flatMap((update) => (update.outcome === "updated" ? update.images : []))
      assert.strictEqual(images.length, imageRows(distribution).length)
      assert.deepStrictEqual(
        images.filter((image) => image.change !== change).map(({ image, architecture }) => `${image} ${architecture}`),
        kept[distribution.family] ?? []
      )
    })
  )
})
